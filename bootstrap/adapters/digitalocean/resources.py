"""What the kinds of resources of the adapter share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bootstrap.adapters.digitalocean.client import Client

T = TypeVar("T")


class Resources:
    def __init__(self, client: Client) -> None:
        self._api = client
        self._made: dict[str, set[object]] = {}
        # the account's, as far as they were seen: none of them is a droplet's own
        self._reserved: set[str] = set()

    def _remember(self, kind: str, made: T, key: object) -> T:
        self._made.setdefault(kind, set()).add(key)
        return made

    def _with_own(
        self,
        kind: str,
        listed: list[T],
        key: Callable[[T], object],
        one: Callable[[Any], T | None],
        fits: Callable[[T], bool] = lambda _: True,
    ) -> list[T]:
        """Lists are behind what was created: what this process made is in ours. `one` asks for it by its key, which
        is never behind; what was in a list once needs that no more."""
        own = self._made.setdefault(kind, set())
        own -= {key(item) for item in listed}
        late = {each: one(each) for each in own}
        own -= {each for each, item in late.items() if item is None}
        return listed + [item for item in late.values() if item is not None and fits(item)]

    def _tag(self, type: str, id: int, tag: str, has: Callable[[], bool]) -> None:
        self._create_tags((tag,))
        self._api.create(
            lambda: self._api.post(f"tags/{tag}/resources", tagged(type, id)),
            lambda: {} if has() else None,
        )

    def _create_tags(self, tags: tuple[str, ...]) -> None:
        """A firewall or a resource can only name a tag that exists; creating one twice is no error."""
        for tag in tags:
            self._api.create(lambda tag=tag: self._api.post("tags", {"name": tag}), lambda: None)  # type: ignore[misc]


def tagged(type: str, id: int) -> dict[str, list[dict[str, str]]]:
    """The body that puts a tag on one resource, or takes it off."""
    return {"resources": [{"resource_id": str(id), "resource_type": type}]}

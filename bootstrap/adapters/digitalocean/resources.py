"""What the kinds of resources of the adapter share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from bootstrap.adapters.digitalocean.client import Client
from bootstrap.errors import CloudError

T = TypeVar("T")
Looks = Mapping[str, Callable[[], Sequence[Any]]]
Found = dict[str, Sequence[Any]]


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

    def _whole(self, tag: str, looks: Looks, first: Found | None = None) -> Found:
        """All that carries the tag, of each kind that `looks` names. Lists are behind what any process created, and the
        tag counts for itself: what it counts and a list does not show is waited for."""
        found, counted = dict(first or {}), {}

        def agreed() -> bool | None:
            # counted first: what comes between the two is in the list only
            counted.update(self._counted(tag, looks))
            for kind, look in looks.items():
                if len(found.get(kind, ())) < counted[kind]["count"] or kind not in found:
                    found[kind] = look()
            return all(len(found[kind]) >= counted[kind]["count"] for kind in looks) or None

        if not self._api.listed(agreed):
            for kind, items in found.items():
                self._check_gone(tag, kind, len(items), counted[kind])
        return found

    def _counted(self, tag: str, kinds: Looks) -> dict[str, dict[str, Any]]:
        answer = self._api.find(f"tags/{tag}")
        resources = answer["tag"]["resources"] if answer else {}
        # a kind that the token may not read is not counted
        return {kind: {"count": 0, **(resources.get(kind) or {})} for kind in kinds}

    def _check_gone(self, tag: str, kind: str, listed: int, counted: Mapping[str, Any]) -> None:
        """A count may be behind, too, when something was deleted: the last one that was tagged can be asked for."""
        last = str(counted.get("last_tagged_uri", "")).rpartition("/v2/")[2]
        missing = counted["count"] - listed
        if missing <= 0 or (missing == 1 and last and self._api.find(last) is None):
            return
        raise CloudError(
            f"the tag {tag} counts {counted['count']} {kind}, and their list still shows {listed}",
            "lists are behind what was made: run the same command again in a minute",
        )

    def _when_quiet(self, kind: str, id: int | str) -> dict[str, Any] | None:
        """The droplet or volume, in the API's JSON, once no event is under way there; None when it is gone."""
        path = f"{kind}s/{id}"

        def quiet() -> dict[str, Any] | None:
            answer = self._api.find(path) or {kind: None}
            is_locked = answer[kind] is not None and answer[kind].get("locked")
            return None if is_locked or self._under_way(path) else answer

        item: dict[str, Any] | None = self._api.wait_until_quiet(quiet, f"{kind} {id}")[kind]
        return item

    def _under_way(self, path: str) -> list[int]:
        """The actions in progress there."""
        answer = self._api.find(f"{path}/actions") or {"actions": []}
        return [action["id"] for action in answer["actions"] if action["status"] == "in-progress"]

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

"""What the kinds of resources of the adapter share."""

from __future__ import annotations

from collections.abc import Callable

from bootstrap.adapters.digitalocean.client import Client


class Resources:
    def __init__(self, client: Client) -> None:
        self._api = client

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

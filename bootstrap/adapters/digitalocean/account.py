"""Account, regions, sizes, SSH keys and images."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources
from bootstrap.adapters.digitalocean.rights import PROBES
from bootstrap.ports.cloud import Account, Allowance, Image, Region, Size, SSHKey

# side by side: 250 questions a minute are allowed, and nobody waits for them one by one
AT_ONCE = 8


class AccountResources(Resources):
    def account(self) -> Account:
        return convert.account(self._api.get("account")["account"])

    def allowance(self) -> Allowance | None:
        # what every token of ours may ask
        return convert.allowance(self._api.headers("droplets"))

    def lacks(self, scopes: Sequence[str]) -> list[str]:
        """A token with full access is known by what its issuer says of it; any other is tried, see `rights.py`."""
        if self._api.may_everything():
            return []
        with ThreadPoolExecutor(AT_ONCE) as at_once:
            allowed = list(at_once.map(lambda scope: self._api.may(*PROBES[scope]), scopes))
        return [scope for scope, may in zip(scopes, allowed, strict=True) if not may]

    def regions(self) -> list[Region]:
        return [convert.region(item) for item in self._api.get("regions")["regions"]]

    def sizes(self) -> list[Size]:
        return [convert.size(item) for item in self._api.get("sizes")["sizes"]]

    def ssh_keys(self) -> list[SSHKey]:
        return [convert.ssh_key(item) for item in self._api.get("account/keys")["ssh_keys"]]

    def create_ssh_key(self, name: str, public_key: str) -> SSHKey:
        body = {"name": name, "public_key": public_key}
        return self._api.create(
            lambda: convert.ssh_key(self._api.post("account/keys", body)["ssh_key"]),
            lambda: next(
                (key for key in self.ssh_keys() if key.public_key.split()[:2] == public_key.split()[:2]), None
            ),
        )

    def delete_ssh_key(self, key_id: int) -> None:
        self._api.delete(f"account/keys/{key_id}")

    def images(self, tag: str | None = None) -> list[Image]:
        found = (
            self._whole(tag, {"images": lambda: self._listed_images(tag)})["images"] if tag else self._listed_images()
        )
        return sorted(found, key=lambda image: (image.created_at, image.id), reverse=True)

    def _listed_images(self, tag: str | None = None) -> list[Image]:
        items = self._api.get("images", private="true", tag_name=tag)["images"]
        found = [convert.image(item) for item in items]
        return [image for image in found if tag is None or tag in image.tags]

    def tag_image(self, image_id: int, tag: str) -> None:
        def has() -> bool:
            return any(image.id == image_id for image in self._listed_images(tag))

        if not has():
            self._tag("image", image_id, tag, has)

    def delete_image(self, image_id: int) -> None:
        self._api.delete(f"images/{image_id}")

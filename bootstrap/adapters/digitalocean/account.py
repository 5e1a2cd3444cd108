"""Account, regions, sizes, SSH keys and images."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources
from bootstrap.errors import CredentialsError
from bootstrap.ports.cloud import Account, Image, Region, Size, SSHKey

# where each is created
_CREATES = {
    "block_storage:create": "volumes",
    "domain:create": "domains",
    "droplet:create": "droplets",
    "firewall:create": "firewalls",
    "reserved_ip:create": "reserved_ips",
    "ssh_key:create": "account/keys",
    "tag:create": "tags",
    "vpc:create": "vpcs",
}


class AccountResources(Resources):
    def account(self) -> Account:
        return convert.account(self._api.get("account")["account"])

    def lacks(self, scopes: Sequence[str]) -> list[str]:
        """The API tells nobody what a token may do. So each is asked with an empty body: 403 without the right, else
        400 or 422, as every one of them needs a field that is not there. Nothing can come of it."""
        return [scope for scope in scopes if not self._may(_CREATES[scope])]

    def _may(self, path: str) -> bool:
        try:
            self._api.refused(path)
        except CredentialsError:
            return False
        return True

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

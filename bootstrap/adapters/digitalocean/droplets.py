"""Droplets and their tags."""

from __future__ import annotations

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources, tagged
from bootstrap.errors import CloudError, NotFoundError
from bootstrap.ports.cloud import Droplet, DropletSpec

CREATE_S = 300
SHUTDOWN_S = 120


class DropletResources(Resources):
    def droplets(self, tag: str | None = None) -> list[Droplet]:
        if tag is None:
            return self._listed_droplets()
        return [*self._whole(tag, {"droplets": lambda: self._listed_droplets(tag)})["droplets"]]

    def _listed_droplets(self, tag: str | None = None) -> list[Droplet]:
        listed = [self._droplet(item) for item in self._api.get("droplets", tag_name=tag)["droplets"]]
        return self._with_own(
            "droplet", listed, lambda found: found.id, self.droplet, lambda found: tag is None or tag in found.tags
        )

    def droplet(self, droplet_id: int) -> Droplet | None:
        answer = self._api.find(f"droplets/{droplet_id}")
        return self._droplet(answer["droplet"]) if answer else None

    def _droplet(self, item: convert.Json) -> Droplet:
        """A reserved IP is listed among a droplet's public addresses, and nobody promises where. Each is asked for
        itself, as the list of all may be behind."""
        for address in convert.public_addresses(item)[::-1]:
            if len({*convert.public_addresses(item)} - self._reserved) > 1 and self._api.find(
                f"reserved_ips/{address}"
            ):
                self._reserved.add(address)
        return convert.droplet(item, self._reserved)

    def create_droplet(self, spec: DropletSpec) -> Droplet:
        body = {
            "name": spec.name,
            "region": spec.region,
            "size": spec.size,
            "image": spec.image_id,
            "ssh_keys": list(spec.ssh_key_ids),
            "user_data": spec.user_data,
            "vpc_uuid": spec.vpc_uuid,
            "volumes": list(spec.volume_ids),
            "tags": list(spec.tags),
            # the provider's: docs/security.md says why not
            "with_droplet_agent": False,
            "monitoring": spec.metrics_agent,
        }
        made = self._api.create(
            lambda: convert.droplet(self._api.post("droplets", body)["droplet"]),
            lambda: self._by_name(spec),
            in_lists=True,
        )
        return self._when_whole(self._remember("droplet", made, made.id).id, spec)

    def _by_name(self, spec: DropletSpec) -> Droplet | None:
        among = self._listed_droplets(spec.tags[0]) if spec.tags else []
        return next((droplet for droplet in among if droplet.name == spec.name), None)

    def _when_whole(self, droplet_id: int, spec: DropletSpec) -> Droplet:
        """One that has just become active may not show its addresses, tags and volumes yet."""

        def whole() -> Droplet | None:
            now = self.droplet(droplet_id)
            if now is None:
                raise CloudError(f"droplet {droplet_id} went away while it was created", "run the same command again")
            shown = now.public_ip and now.private_ip
            there = {*spec.tags} <= {*now.tags} and {*spec.volume_ids} <= {*now.volume_ids}
            return now if now.status == "active" and shown and there else None

        return self._api.wait_until(whole, f"creation of droplet {droplet_id}", CREATE_S)

    def shutdown_droplet(self, droplet_id: int) -> None:
        if self._is(droplet_id, "off"):
            return
        try:
            self._power(droplet_id, "shutdown", "off", SHUTDOWN_S)
        except CloudError as error:
            if error.retryable:
                # the API, not the droplet
                raise
            if not self._is(droplet_id, "off"):
                # it does not listen to its power button
                self._power(droplet_id, "power_off", "off", SHUTDOWN_S)

    def power_on_droplet(self, droplet_id: int) -> None:
        if not self._is(droplet_id, "active"):
            self._power(droplet_id, "power_on", "active", CREATE_S)

    def _power(self, droplet_id: int, type: str, wanted: str, timeout_s: float) -> None:
        def reached() -> bool:
            return self._is(droplet_id, wanted)

        self._api.act(f"droplets/{droplet_id}/actions", {"type": type}, reached, timeout_s)
        # the action completes when the signal is given; the droplet goes off a little later
        self._api.wait_until(reached, f"{type} of droplet {droplet_id}", timeout_s)

    def _is(self, droplet_id: int, status: str) -> bool:
        droplet = self.droplet(droplet_id)
        if droplet is None:
            raise NotFoundError(f"droplet {droplet_id} does not exist")
        return droplet.status == status

    def delete_droplet(self, droplet_id: int) -> None:
        self._api.delete(f"droplets/{droplet_id}")
        self._api.wait_until(lambda: self.droplet(droplet_id) is None, f"deletion of droplet {droplet_id}", CREATE_S)

    def tag_droplet(self, droplet_id: int, tag: str) -> None:
        self._tag("droplet", droplet_id, tag, lambda: self._has(droplet_id, tag))

    def untag_droplet(self, droplet_id: int, tag: str) -> None:
        self._api.delete(f"tags/{tag}/resources", tagged("droplet", droplet_id))
        self.drop_tag(tag)

    def tags(self, prefix: str) -> list[str]:
        names = [str(item["name"]) for item in self._api.get("tags")["tags"]]
        return [name for name in names if name.startswith(prefix)]

    def create_tag(self, tag: str) -> None:
        self._create_tags((tag,))

    def drop_tag(self, tag: str) -> None:
        left = self._api.find(f"tags/{tag}")
        if left and not left["tag"]["resources"]["count"]:
            self._api.delete(f"tags/{tag}")

    def delete_tag(self, tag: str) -> None:
        self._api.delete(f"tags/{tag}")

    def _has(self, droplet_id: int, tag: str) -> bool:
        droplet = self.droplet(droplet_id)
        return droplet is not None and tag in droplet.tags

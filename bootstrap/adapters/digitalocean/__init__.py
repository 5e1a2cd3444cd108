"""The Cloud port on DigitalOcean's API v2, or anything that speaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bootstrap.adapters.digitalocean.account import AccountResources
from bootstrap.adapters.digitalocean.client import Client
from bootstrap.adapters.digitalocean.droplets import DropletResources
from bootstrap.adapters.digitalocean.monitoring import MonitoringResources
from bootstrap.adapters.digitalocean.network import NetworkResources
from bootstrap.adapters.digitalocean.patience import Patience
from bootstrap.adapters.digitalocean.resources import Found, Looks
from bootstrap.adapters.digitalocean.volumes import VolumeResources
from bootstrap.ports.cloud import Carriers

__all__ = ["DigitalOcean", "Patience"]


class DigitalOcean(AccountResources, DropletResources, VolumeResources, NetworkResources, MonitoringResources):
    """Implements `ports.cloud.Cloud`."""

    def __init__(
        self,
        token: str,
        api: str = "https://api.digitalocean.com",
        note: Callable[[str], None] = lambda _: None,
        patience: Patience | None = None,
    ) -> None:
        """`note` hears why a request is tried again."""
        super().__init__(Client(token, api, note, patience))

    def carriers(self, tag: str, among: Carriers | None = None) -> Carriers:
        first: Found = {}
        if among:
            first["droplets"] = [droplet for droplet in among.droplets if tag in droplet.tags]
            first["volumes"] = [volume for volume in among.volumes if tag in volume.tags]
        looks: Looks = {"droplets": lambda: self._listed_droplets(tag), "volumes": lambda: self._carrying(tag)}
        found = self._whole(tag, looks, first)
        return Carriers(tuple(found["droplets"]), tuple(found["volumes"]))

    def wait_until_quiet(self, droplet_ids: Sequence[int], volume_id: str | None = None) -> None:
        for droplet_id in droplet_ids:
            self._when_quiet("droplet", droplet_id)
        if volume_id is not None:
            self._when_quiet("volume", volume_id)

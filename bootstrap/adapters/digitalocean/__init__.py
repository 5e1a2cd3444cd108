"""The Cloud port on DigitalOcean's API v2, or anything that speaks it."""

from __future__ import annotations

from collections.abc import Callable

from bootstrap.adapters.digitalocean.account import AccountResources
from bootstrap.adapters.digitalocean.client import Client
from bootstrap.adapters.digitalocean.droplets import DropletResources
from bootstrap.adapters.digitalocean.monitoring import MonitoringResources
from bootstrap.adapters.digitalocean.network import NetworkResources
from bootstrap.adapters.digitalocean.patience import Patience
from bootstrap.adapters.digitalocean.volumes import VolumeResources

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

"""deployment.json: what a droplet serves. cloud-init writes it from user-data, so none of it is secret."""

from __future__ import annotations

import msgspec

VERSION = 1


class Acme(msgspec.Struct, frozen=True):
    """`ca_file`: an authority of one's own, beside the system's roots. `profile`: one of the kinds of certificate that
    the authority offers."""

    directory: str
    email: str | None = None
    ca_file: str | None = None
    profile: str | None = None


class Spaces(msgspec.Struct, frozen=True):
    endpoint: str
    region: str
    bucket: str
    prefix: str


class Keep(msgspec.Struct, frozen=True):
    """For so many days, weeks and months the newest good backup of each stays. Those that have none do not count: after
    a month of silence there are as many as before."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6


class Backup(msgspec.Struct, frozen=True):
    """`recipient`: age's name of the operator's recovery key, which alone opens what is stored. `retention_days` is for
    the agents of older images, to which a rollback goes back; without `keep` it is what an older bootstrap meant."""

    retention_days: int
    recipient: str | None = None
    keep: Keep | None = None

    @property
    def kept(self) -> Keep:
        return self.keep or Keep(self.retention_days, 0, 0)


class Alerts(msgspec.Struct, frozen=True):
    """`email`: who is told; None: nobody, by mail."""

    email: str | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    domain: str
    names: tuple[str, ...]
    key: str
    # the data volume's name in the cloud
    volume: str
    acme: Acme
    spaces: Spaces
    backup: Backup
    # a droplet of before there were any has none
    alerts: Alerts = Alerts()
    version: int = VERSION

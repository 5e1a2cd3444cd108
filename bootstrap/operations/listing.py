"""`bootstrap list`: every deployment of the account, as the cloud and the bucket know it. No droplet is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bootstrap.deployment import find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError
from bootstrap.operations.backup import newest_at
from bootstrap.operations.status import cost_month, state_of
from bootstrap.ports.cloud import Cloud, Size, Volume

# of a deployment that was destroyed, its data volume stayed
KEPT = "volume kept"


@dataclass(frozen=True)
class Listed:
    """`backup_at` is None where there is none, or no Spaces key to look with; `volume_gb` where there is no volume."""

    domain: str
    state: str
    droplet: str | None
    size: str | None
    region: str | None
    address: str | None
    volume_gb: int | None
    backup_at: datetime | None
    cost_month_usd: float


def deployments(cloud: Cloud, of: Callable[[str], Environment]) -> list[Listed]:
    """In the order of their domains; `of` gives the surroundings of one."""
    account, prices = find.all_there_is(cloud), cloud.sizes()
    domains = sorted({*find.known_domains(cloud), *_kept(account.volumes)})
    return [_listed(of(domain), account, prices) for domain in domains]


def _listed(env: Environment, account: find.Account, prices: Sequence[Size]) -> Listed:
    found = find.find(env, account)
    live, volume = found.live or found.candidate, found.volume
    return Listed(
        domain=env.settings.domain,
        state=state_of(found) if found.exists else KEPT,
        droplet=live.name if live else None,
        size=live.size if live else None,
        region=live.region if live else volume.region if volume else None,
        address=found.reserved_ip.ip if found.reserved_ip else None,
        volume_gb=volume.size_gb if volume else None,
        backup_at=_backup_at(env),
        cost_month_usd=cost_month(env, found, prices),
    )


def _kept(volumes: Sequence[Volume]) -> set[str]:
    """Of volumes that carry a deployment's own tag: `bootstrap:<key>`."""
    keys = (tag.removeprefix("bootstrap:") for volume in volumes for tag in volume.tags if tag.count(":") == 1)
    return {key.replace("_", ".") for key in keys if not key.endswith(find.DRILL) and "_" in key}


def _backup_at(env: Environment) -> datetime | None:
    """One bucket that cannot be read must not hide the others."""
    if env.store is None:
        return None
    try:
        return newest_at(env)
    except BootstrapError as error:
        env.progress.warn(f"backups of {env.settings.domain} are not known: {error.message}")
        return None

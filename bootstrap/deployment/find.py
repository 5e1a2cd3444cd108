"""The deployment as it stands in the cloud: found by tag and name, as there is no state file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.ports.cloud import Cloud, Droplet, Firewall, ReservedIP, Volume
from bootstrap.settings import Settings

_T = TypeVar("_T", Droplet, Volume)

ROLES = LIVE, CANDIDATE, RETIRED = "live", "candidate", "retired"
# What a droplet still waits for: the host key of its user-data to be replaced; its first visitor's answer, until which
# another image may take its place; its data, from a backup. Taken off and deleted in one call, as no other deployment
# has the same tag: a kill leaves none that nothing carries.
UNFINISHED = FIRST_CONTACT, NEVER_SERVED, RESTORE_DUE = "first-contact", "never-served", "restore-due"


def tag(settings: Settings, what: str = "") -> str:
    """The deployment's own, or that of a role or an unfinished business in it."""
    return f"bootstrap:{settings.key}" + (f":{what}" if what else "")


def carries(settings: Settings, droplet: Droplet, what: str) -> bool:
    return tag(settings, what) in droplet.tags


def resource_name(settings: Settings) -> str:
    """Of the data volume and the firewall."""
    return f"bootstrap-{settings.slug}"


@dataclass(frozen=True)
class Deployment:
    """`live`, `candidate` and `retired` are empty between the steps of a replacement, or when there is none."""

    droplets: tuple[Droplet, ...]
    live: Droplet | None
    candidate: Droplet | None
    retired: tuple[Droplet, ...]
    volume: Volume | None
    firewall: Firewall | None
    reserved_ip: ReservedIP | None

    @property
    def exists(self) -> bool:
        """Something runs or is reachable; a volume that was kept is no deployment."""
        return bool(self.droplets or self.firewall or self.reserved_ip)


@dataclass(frozen=True)
class Account:
    """All that it holds of what a deployment is made of, whosever it is: asked once, when several questions follow."""

    droplets: tuple[Droplet, ...]
    volumes: tuple[Volume, ...]
    reserved_ips: tuple[ReservedIP, ...]


def all_there_is(cloud: Cloud) -> Account:
    # reserved IPs first: they tell which of a droplet's addresses is its own
    reserved_ips = tuple(cloud.reserved_ips())
    return Account(tuple(cloud.droplets()), tuple(cloud.volumes()), reserved_ips)


def find(env: Environment, among: Account | None = None) -> Deployment:
    cloud, settings = env.cloud, env.settings
    own = tag(settings)
    droplets = [d for d in among.droplets if own in d.tags] if among else cloud.droplets(own)
    volumes = [v for v in among.volumes if own in v.tags] if among else cloud.volumes(tag=own)
    reserved = among.reserved_ips if among else cloud.reserved_ips()

    def of_role(role: str) -> list[Droplet]:
        return [droplet for droplet in droplets if carries(settings, droplet, role)]

    live = _only(of_role(LIVE), f"live droplet of {settings.domain}")
    return Deployment(
        droplets=tuple(droplets),
        live=live,
        candidate=_only(of_role(CANDIDATE), f"candidate of {settings.domain}"),
        retired=tuple(of_role(RETIRED)),
        volume=_only(volumes, f"data volume of {settings.domain}"),
        firewall=next((f for f in cloud.firewalls() if f.name == resource_name(settings)), None),
        reserved_ip=_reserved_ip(env, [*([live] if live else []), *droplets], reserved),
    )


def find_live(env: Environment) -> tuple[Deployment, Droplet]:
    """The deployment and its live droplet; NotFoundError when there is none."""
    deployment = find(env)
    if deployment.live is None:
        raise none_live(env.settings)
    return deployment, deployment.live


def none_live(settings: Settings) -> NotFoundError:
    return NotFoundError(f"no live droplet serves {settings.domain}", f"bootstrap create --domain {settings.domain}")


def find_volume(env: Environment) -> Volume | None:
    return _only(env.cloud.volumes(tag=tag(env.settings)), f"data volume of {env.settings.domain}")


def find_reserved_ip(env: Environment, droplets: Iterable[Droplet]) -> ReservedIP | None:
    """Of a deployment with these droplets."""
    return _reserved_ip(env, droplets, env.cloud.reserved_ips())


def known_domains(cloud: Cloud) -> list[str]:
    """Every deployment has a firewall, and it says which tag it guards; a kept volume has none."""
    tags = [
        tag
        for firewall in cloud.firewalls()
        if firewall.name.startswith("bootstrap-")
        for tag in firewall.tags
        if tag.startswith("bootstrap:")
    ]
    return sorted(tag.removeprefix("bootstrap:").replace("_", ".") for tag in tags)


def _reserved_ip(env: Environment, droplets: Iterable[Droplet], reserved: Sequence[ReservedIP]) -> ReservedIP | None:
    """The one a droplet of ours holds, the first one's first; else the one the apex record names."""
    held = [ip for droplet in droplets for ip in reserved if ip.droplet_id == droplet.id]
    if held:
        return held[0]
    apex = {r.data for r in env.cloud.records(env.settings.domain) if (r.type, r.name) == ("A", "@")}
    # an address that another droplet holds by now is no longer ours
    return next((ip for ip in reserved if ip.ip in apex and ip.droplet_id is None), None)


def _only(found: list[_T], what: str) -> _T | None:
    if len(found) > 1:
        names = ", ".join(str(thing.id) for thing in found)
        raise ConflictError(f"more than one {what}: {names}", "delete or untag all but one in the control panel")
    return found[0] if found else None

"""The deployment as it stands in the cloud: found by tag and name, as there is no state file.

DigitalOcean's lists are behind what was created, and the process that created it may be gone, so no list is believed
where something else can tell:

- Droplets and volumes: their tag counts its carriers by itself; lists are asked again until they show as many. That
  the count is not behind is an assumption. The second line: a volume's name is taken in its region (409), and by its
  name it is looked for then, and before `destroy` says that there is none.
- The reserved IP: a droplet's own details show the addresses it holds, once nothing is under way there; the domain's
  record names one, and by its address it is known at once.
- The firewall: nothing counts it. Who makes it is refused, as its name is taken. Who must be sure that there is none
  looks for as long as lists may be behind, but only where the tag exists, which was made before it (`begun`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bootstrap.deployment import zones
from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.ports.cloud import Carriers, Cloud, Droplet, Firewall, ReservedIP, Volume
from bootstrap.settings import Settings

_T = TypeVar("_T", Droplet, Volume)

ROLES = LIVE, CANDIDATE, RETIRED = "live", "candidate", "retired"
# What a droplet still waits for: the host key of its user-data to be replaced; its first visitor's answer, until which
# another image may take its place; its data, from a backup. Taken off and deleted in one call, as no other deployment
# has the same tag: a kill leaves none that nothing carries.
UNFINISHED = FIRST_CONTACT, NEVER_SERVED, RESTORE_DUE = "first-contact", "never-served", "restore-due"

# a copy of the data volume, and the snapshot that it is made from
PREFLIGHT = "preflight"

# of a preview: until when it lives, a tag that nothing carries
UNTIL = "until"
# of a person's SSH key, by its fingerprint: likewise
ACCESS = "access"

# ends the key of a drill's machine, which is of no deployment: no domain has such a key
DRILL = "__drill"


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
    # of the data, made for a pre-flight that was interrupted
    copies: tuple[Volume, ...] = ()

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
    reserved = among.reserved_ips if among else cloud.reserved_ips()
    ours = cloud.carriers(tag(settings), Carriers(among.droplets, among.volumes) if among else None)
    droplets, volumes = ours.droplets, ours.volumes

    copied = tuple(volume for volume in volumes if tag(settings, PREFLIGHT) in volume.tags)

    def of_role(role: str) -> list[Droplet]:
        return [droplet for droplet in droplets if carries(settings, droplet, role)]

    live = _only(of_role(LIVE), f"live droplet of {settings.domain}")
    return Deployment(
        droplets=droplets,
        live=live,
        candidate=_only(of_role(CANDIDATE), f"candidate of {settings.domain}"),
        retired=tuple(of_role(RETIRED)),
        volume=_only([v for v in volumes if v not in copied], f"data volume of {settings.domain}"),
        firewall=next((f for f in cloud.firewalls() if f.name == resource_name(settings)), None),
        reserved_ip=_reserved_ip(env, [*([live] if live else []), *droplets], reserved),
        copies=copied,
    )


def find_live(env: Environment) -> tuple[Deployment, Droplet]:
    """The deployment and its live droplet; NotFoundError when there is none."""
    deployment = find(env)
    if deployment.live is None:
        raise none_live(env.settings)
    return deployment, deployment.live


def none_live(settings: Settings) -> NotFoundError:
    return NotFoundError(f"no live droplet serves {settings.domain}", f"bootstrap create --domain {settings.domain}")


def find_all(env: Environment) -> Deployment:
    """The deployment, with what an earlier run may have made a moment ago: for whoever leaves nothing behind."""
    deployment = find(env)
    parts = (deployment.reserved_ip, deployment.firewall, deployment.volume)
    if None in parts and (deployment.droplets or begun(env)):
        env.progress.note("not all of it is listed: looking for what an earlier run may have made a moment ago")
        return _with_late(env, deployment)
    return deployment


def _with_late(env: Environment, deployment: Deployment) -> Deployment:
    if deployment.reserved_ip is None:
        held = (env.cloud.reserved_ip_of(droplet.id) for droplet in deployment.droplets)
        deployment = replace(deployment, reserved_ip=next(filter(None, held), None))
    if deployment.firewall is None:
        deployment = replace(deployment, firewall=env.cloud.firewall(resource_name(env.settings)))
    if deployment.volume is None:
        deployment = replace(deployment, volume=volume_by_name(env))
    return deployment


def volume_by_name(env: Environment) -> Volume | None:
    """In the region, where its name is taken once; should the count of its tag be behind."""
    named = env.cloud.volumes(env.settings.region, resource_name(env.settings))
    return next((volume for volume in named if tag(env.settings) in volume.tags), None)


def begun(env: Environment) -> bool:
    """The deployment's own tag is there: it comes before all that carries it, and goes after."""
    return tag(env.settings) in env.cloud.tags(tag(env.settings))


def known_domains(cloud: Cloud) -> list[str]:
    """Every deployment has a firewall, and it says which tag it guards; a kept volume has none."""
    tags = [
        tag
        for firewall in cloud.firewalls()
        if firewall.name.startswith("bootstrap-")
        for tag in firewall.tags
        if tag.startswith("bootstrap:") and not tag.endswith(DRILL)
    ]
    return sorted(domain_of(tag.removeprefix("bootstrap:")) for tag in tags)


def domain_of(key: str) -> str:
    return key.replace("_", ".")


def forget_until(env: Environment, but: str = "") -> None:
    """The time of a preview, or all other times of it."""
    for tag_ in env.cloud.tags(tag(env.settings, f"{UNTIL}:")):
        if tag_ != but:
            env.cloud.delete_tag(tag_)


def _reserved_ip(env: Environment, droplets: Sequence[Droplet], reserved: Sequence[ReservedIP]) -> ReservedIP | None:
    """The one a droplet of ours holds, the first one's first; else the one that is written down."""
    held = [ip for droplet in droplets for ip in reserved if ip.droplet_id == droplet.id]
    if held:
        return held[0]
    # by its address, as the list may be behind; one that another droplet holds by now is no longer ours
    ours = {droplet.id for droplet in droplets}
    named = (env.cloud.reserved_ip(address) for address in _written_down(env))
    return next((ip for ip in named if ip and ip.droplet_id in (None, *ours)), None)


def _written_down(env: Environment) -> Iterator[str]:
    """Addresses that the domain's record names; where the records are elsewhere, a tag that nothing carries."""
    if env.settings.dns_elsewhere:
        begin = address_tag(env.settings)
        yield from (found.removeprefix(begin).replace("-", ".") for found in env.cloud.tags(begin))
        return
    for place in zones.candidates(env.settings.domain):
        yield from (r.data for r in env.cloud.records(place.zone) if (r.type, r.name) == ("A", place.name))


def address_tag(settings: Settings, address: str = "") -> str:
    """While no droplet holds the reserved IP, and no record of ours names it."""
    return tag(settings, f"address:{address.replace('.', '-')}")


def _only(found: Sequence[_T], what: str) -> _T | None:
    if len(found) > 1:
        names = ", ".join(str(thing.id) for thing in found)
        raise ConflictError(f"more than one {what}: {names}", "delete or untag all but one in the control panel")
    return found[0] if found else None

"""This account."""

from __future__ import annotations

from datetime import datetime, timezone

from bootstrap.deployment import find, zones
from bootstrap.deployment import rights as rights_of
from bootstrap.errors import CredentialsError, HostError, NotFoundError
from bootstrap.images.bake import STACK_TAG, packages_of
from bootstrap.images.provenance import MAX_AGE_DAYS
from bootstrap.operations.doctor.check import Absent, Check, Doubt
from bootstrap.operations.doctor.patient import Patient
from bootstrap.ports.cloud import Cloud

OURS = ".digitalocean.com"


def token(patient: Patient) -> str | Doubt:
    account = patient.account
    if account.status == "locked":
        raise CredentialsError(f"the account of {account.email} is locked", "see the control panel")
    if account.status != "active":
        return Doubt(f"{account.email}: the account's status is {account.status}", "see the control panel")
    return f"{account.email}, account active"


def rights(patient: Patient) -> str | Doubt:
    """Also those that a deployment which is complete needs no more."""
    lacking = patient.cloud.lacks(rights_of.ALL)
    if not lacking:
        return "the token may do all that any command needs"
    error = rights_of.may_not(lacking)
    if set(lacking) & set(rights_of.COMMANDS[rights_of.REDEPLOY]):
        raise error
    return Doubt(error.message, error.remedy or "")


def quotas(patient: Patient) -> str | Doubt:
    account, cloud = patient.account, patient.cloud
    rows = (
        ("droplets", len(cloud.droplets()), account.droplet_limit, 2),
        ("volumes", len(cloud.volumes()), account.volume_limit, 1),
        ("reserved ips", len(cloud.reserved_ips()), account.reserved_ip_limit, 1),
    )
    text = ", ".join(f"{what} {used} of {limit if limit is not None else '?'}" for what, used, limit, _ in rows)
    # a redeploy has two droplets for some minutes; what runs already has its volume and its address
    scarce = [what for what, used, limit, spare in rows if limit is not None and limit - used < spare]
    if scarce and ("droplets" in scarce or not _deployed(cloud)):
        return Doubt(f"{text}: too few {', '.join(scarce)} are left", "delete what is not used, or ask for more")
    return text


def _deployed(cloud: Cloud) -> bool:
    return bool(find.known_domains(cloud))


def image(patient: Patient) -> str | Doubt:
    images = patient.cloud.images(STACK_TAG + patient.stack.name)
    here = [item for item in images if not item.regions or patient.settings.region in item.regions]
    if not here:
        where = f" in {patient.settings.region}" if images else ""
        raise NotFoundError(f"there is no image of {patient.stack.name}{where}", "bootstrap image build")
    days = (datetime.now(timezone.utc) - packages_of(here[0])).days
    text = f"{here[0].name}, {days} days old"
    return Doubt(text, "bake a new one, then redeploy: bootstrap image build") if days > MAX_AGE_DAYS else text


def domain(patient: Patient) -> str:
    """Which one the rest is about."""
    if patient.env is None:
        raise Absent("no domain: name one, as in `bootstrap doctor example.com`")
    return patient.env.settings.domain


def spaces(patient: Patient) -> str | Doubt:
    assert patient.env is not None
    store, bucket = patient.env.store, patient.env.settings.bucket
    if store is None:
        return Doubt("no Spaces key: there will be no backups", "set SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY")
    try:
        if lacking := store.may_not(patient.env.settings.prefix):
            text = f"bucket {bucket}: the key may not {', and not '.join(lacking)}"
            return Doubt(text, "backups are made all the same: docs/operations.md, “A key of one bucket”")
        if not store.keeps_versions():
            return Doubt(f"bucket {bucket} keeps no versions", "run bootstrap create again: it turns versions on")
    except NotFoundError:
        return f"the key works; bucket {bucket} is not there yet: create makes it"
    return f"bucket {bucket}, keeps versions"


def delegation(patient: Patient) -> str | Doubt:
    assert patient.env is not None
    env = patient.env
    if env.settings.dns_elsewhere:
        return "records are kept elsewhere: `dns: external`"
    place = zones.place(env.settings.domain, patient.cloud.domains())
    name = place.zone if place else env.settings.domain
    remedy = "delegate the domain to ns1.digitalocean.com, ns2 and ns3 at your registrar, or set `dns: external`"
    servers = env.names.name_servers(name)
    if not servers:
        raise HostError(f"{name} has no name servers", remedy)
    if strangers := [server for server in servers if not server.endswith(OURS)]:
        raise HostError(f"{name} is delegated to {', '.join(strangers)}", remedy)
    return f"{name}: {', '.join(servers)}"


GROUP = "this account"
CHECKS = (
    Check(GROUP, "token", token, ("api",)),
    Check(GROUP, "rights", rights, ("token",)),
    Check(GROUP, "quotas", quotas, ("token",)),
    Check(GROUP, "image", image, ("token", "stack")),
    Check(GROUP, "domain", domain, ("token", "settings")),
    Check(GROUP, "spaces", spaces, ("domain",)),
    Check(GROUP, "delegation", delegation, ("domain",)),
)

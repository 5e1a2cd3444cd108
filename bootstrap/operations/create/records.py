"""The names lead to the reserved IP: in zones of this account, or told to whoever keeps them elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bootstrap.deployment import find, zones
from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap_agent.contract.deployment import Deployment as Described

RECORD_TTL_S = 300


def ensure(env: Environment, address: str) -> None:
    """In the zone that holds a name already, so that what else is there stays; else `domain` becomes a zone."""
    names = ", ".join(env.settings.names)
    if env.settings.dns_elsewhere:
        for name in env.settings.names:
            env.progress.note(f"make this record where {name} is kept: {name}. {RECORD_TTL_S} IN A {address}")
        return
    with env.progress.step(f"records of {names} to {address}"):
        known = env.cloud.domains()
        if zones.place(env.settings.domain, known) is None:
            _create_zone(env, env.settings.domain)
            known = [*known, env.settings.domain]
        for zone, relative in _places(env.settings.names, known).items():
            _put(env, zone, relative, address)


def carried(env: Environment, known: Described | None) -> Environment:
    """With the names that the running droplet knows, where the settings give none: on a computer without
    bootstrap.yaml, nobody has taken any away."""
    if known is None or "names" in env.settings.model_fields_set or known.names == env.settings.names:
        return env
    env.progress.note(f"names stay as the droplet knows them, as the settings give none: {', '.join(known.names)}")
    return replace(env, settings=env.settings.model_copy(update={"names": known.names}))


def taken_away(env: Environment, known: Described | None) -> list[str]:
    """Of the names that the running droplet knows."""
    return [name for name in known.names if name not in env.settings.names] if known else []


def forget(env: Environment, names: Sequence[str], address: str) -> None:
    """Of names that were taken away: their records, where they lead to the address still."""
    if not names:
        return
    if env.settings.dns_elsewhere:
        env.progress.note(f"delete the records of {', '.join(names)} where they are kept, if they lead to {address}")
        return
    known = env.cloud.domains()
    for name in names:
        place = zones.place(name, known)
        if place is None:
            continue
        for record in env.cloud.records(place.zone):
            if (record.type, record.name, record.data) == ("A", place.name, address):
                env.cloud.delete_record(place.zone, record.id)
                env.progress.note(f"the record of {name} is deleted: it is none of `names` any more")


def write_down(env: Environment, address: str) -> None:
    """So that a next run finds it when no droplet holds it any more."""
    if env.settings.dns_elsewhere:
        env.cloud.create_tag(find.address_tag(env.settings, address))
    else:
        ensure(env, address)


def cross_out(env: Environment, address: str) -> None:
    if env.settings.dns_elsewhere:
        env.cloud.delete_tag(find.address_tag(env.settings, address))


def _places(names: Sequence[str], known: Sequence[str]) -> Mapping[str, list[str]]:
    """Zone → names in it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        place = zones.place(name, known)
        if place is None:
            raise NotFoundError(
                f"no domain of this account holds {name}",
                "add its domain in the control panel and delegate it, or take the name out of `names`",
            )
        found[place.zone].append(place.name)
    return found


def _put(env: Environment, zone: str, names: Sequence[str], address: str) -> None:
    records = env.cloud.records(zone)
    for record in records:
        if record.type in ("AAAA", "CNAME") and record.name in names:
            raise ConflictError(
                f"{zone} has a {record.type} record for {record.name} that points elsewhere",
                "delete it in the control panel, then run again",
            )
    for name in names:
        env.cloud.put_record(zone, "A", name, address, RECORD_TTL_S, among=records)


def _create_zone(env: Environment, domain: str) -> None:
    try:
        env.cloud.create_domain(domain)
    except ConflictError as error:
        # it is in no list of ours, and DigitalOcean knows each domain once
        raise ConflictError(
            f"{domain} is managed in another DigitalOcean account: {error.message}",
            "delete it there, or use that account's token; then run the same command again",
        ) from None

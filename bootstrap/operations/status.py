"""`bootstrap status`: what the cloud says, what the agent says, and what a visitor gets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec

from bootstrap.deployment import claim, cost, find, gate, remote, steps
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, NotFoundError
from bootstrap.operations.drill import record
from bootstrap.ports.cloud import Droplet, Size
from bootstrap_agent.contract import answers, form
from bootstrap_agent.contract.answers import Archive, Info, Status
from bootstrap_agent.contract.release import Release

_UNKNOWN = answers.BackupAge(None, None)


def status(env: Environment) -> dict[str, Any]:
    """Raises NotFoundError when nothing is deployed; a droplet that is silent is a state, no error."""
    settings = env.settings
    deployment, lock = find.find(env), claim.holder_of(env)
    if not deployment.exists:
        by = f"; {lock.described()} works on it" if lock else ""
        raise NotFoundError(f"{settings.domain} is not deployed{by}", f"bootstrap create --domain {settings.domain}")
    status, info, problem = _ask_agent(env, deployment.live)
    address = deployment.reserved_ip.ip if deployment.reserved_ip else None
    # on this computer: another one knows nothing of it
    before = steps.interrupted(steps.path_of(env))
    outside = _from_outside(env, info.health if info else ("/",), address)
    return {
        "deployment": settings.key,
        "domain": settings.domain,
        "url": f"https://{settings.domain}/",
        "state": state_of(deployment),
        "healthy": status is not None and status.healthy and outside is None,
        "problem": problem or outside,
        "interrupted": str(before) if before else None,
        "lock": _lock(lock),
        "release": _release(info.release) if info else None,
        "droplet": _droplet(deployment.live),
        "reserved_ip": address,
        "volume": _volume(deployment),
        "services": form.plain(status.services if status else ()),
        "certificate": form.plain(status.certificate if status else None),
        "backup": form.plain(status.backup if status else _UNKNOWN),
        "archive": form.plain(_to_the_second(status.archive)) if status and status.archive else None,
        "drill": _drill(env),
        "maintenance": form.plain(status.maintenance) if status else None,
        "alarms": form.plain(status.alarms if status else ()),
        "cost_month_usd": cost_month(env, deployment, env.cloud.sizes()),
    }


def _from_outside(env: Environment, paths: Sequence[str], address: str | None) -> str | None:
    """What is wrong with the first path that does not answer as it should."""
    if address is None:
        return "no reserved ip"
    found = ((path, gate.problem(env, f"https://{env.settings.domain}{path}", address)) for path in paths)
    return next((f"{path}: {wrong}" for path, wrong in found if wrong), None)


def state_of(deployment: find.Deployment) -> str:
    """One word; nobody asks the droplet."""
    if deployment.candidate:
        return "replacing"
    if deployment.live is None:
        return "incomplete"
    return "live" if deployment.live.status == "active" else deployment.live.status


def _ask_agent(env: Environment, live: Droplet | None) -> tuple[Status | None, Info | None, str | None]:
    """What it says, or why it says nothing."""
    if live is None or live.status != "active":
        return None, None, "no live droplet is active"
    try:
        with closing(remote.connect(env, live)) as host:
            return remote.agent(host, answers.STATUS, timeout_s=60), remote.agent(host, answers.INFO), None
    except BootstrapError as error:
        return None, None, error.message


def _drill(env: Environment) -> dict[str, Any] | None:
    """None before the first one, and where nobody can look. What Spaces refuses is told by others."""
    if env.store is None:
        return None
    try:
        latest = record.read(env.store, env.settings.prefix)
    except BootstrapError as error:
        env.progress.note(f"the last drill is not known: {error.message}")
        return None
    return form.plain(latest) if latest else None


def _to_the_second(archive: Archive) -> Archive:
    """As every other time that is told."""
    times = ("archived_at", "behind_since", "baseless_since")
    told = {name: at.replace(microsecond=0) for name in times if (at := getattr(archive, name)) is not None}
    return msgspec.structs.replace(archive, **told)


def _lock(held: claim.Claim | None) -> dict[str, Any] | None:
    """Whose turn it is; `stale` when the next run takes it over, as that one has ended or sleeps."""
    if held is None:
        return None
    return {
        "holder": held.holder,
        "operation": held.operation or None,
        "since": form.plain(held.since),
        "silent_s": held.silent_s,
        "stale": held.is_stale,
    }


def _release(release: Release) -> dict[str, Any]:
    return {
        "image": release.name,
        "git": release.git_commit,
        "built_at": form.plain(release.built_at),
        "base": release.base,
        "base_is_stand_in": release.base_is_stand_in,
    }


def _droplet(droplet: Droplet | None) -> dict[str, Any] | None:
    if droplet is None:
        return None
    return {
        "id": droplet.id,
        "name": droplet.name,
        "ip": droplet.public_ip,
        "size": droplet.size,
        "region": droplet.region,
    }


def _volume(deployment: find.Deployment) -> dict[str, Any] | None:
    if deployment.volume is None:
        return None
    return {"id": deployment.volume.id, "name": deployment.volume.name, "size_gb": deployment.volume.size_gb}


def cost_month(env: Environment, deployment: find.Deployment, prices: Sequence[Size]) -> float:
    """In USD; a size that DigitalOcean no longer sells is not counted."""
    known = {size.slug: size for size in prices}
    sizes = [known[droplet.size] for droplet in deployment.droplets if droplet.size in known]
    volume_gb = deployment.volume.size_gb if deployment.volume else 0
    checked = deployment.exists and env.settings.alerts.uptime_check
    return cost.total(cost.items(sizes, volume_gb, backups=env.store is not None, uptime_check=checked))

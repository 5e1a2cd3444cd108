"""`bootstrap create`: from nothing to a URL. Each step looks before it makes, so a killed run is run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from bootstrap.deployment import (
    cost,
    find,
    gate,
    machine,
    mailing,
    names,
    remote,
    secrets,
    snapshots,
    sshkey,
    steps,
    watch,
)
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, ConflictError, HostError, UsageError
from bootstrap.operations.backup import BACKUP_S, recipient
from bootstrap.operations.create import plan, preflight, records
from bootstrap.operations.restore import LATEST, choose_backup, order_of
from bootstrap.ports.cloud import Droplet, Image, ReservedIP, Volume
from bootstrap.ports.host import Host
from bootstrap.stack.model import Stack
from bootstrap.userdata import render
from bootstrap_agent.contract import answers, form
from bootstrap_agent.contract.deployment import Deployment as Described

HEALTH_S = 120


@dataclass(frozen=True)
class Created:
    url: str
    address: str
    droplet: Droplet
    volume: Volume
    certificate_until: str | None
    cost_month_usd: float
    stack: Stack


def create(
    env: Environment,
    *,
    from_backup: str | None = None,
    to: datetime | None = None,
    source: plan.Source | None = None,
    on_plan: Callable[[plan.Plan], object] = lambda _: None,
) -> Created:
    """`on_plan` hears the plan before anything is made. From backup `latest` is everything that was archived; `to` is
    the moment to go back to; the backup is this deployment's own, or that of the `source`."""
    # before the lock: it is a tag, and a token that may not make one lacks more than that
    preflight.check_rights(env)
    with alone(env, "create") as env:
        planned = plan.make(env, from_backup, to, source)
        on_plan(planned)
        recorded = steps.Recorded(steps.path_of(env), env.progress)
        if planned.deployment.live is None:
            recorded.begin()
        elif before := steps.interrupted(steps.path_of(env)):
            env.progress.note(f"continuing after: {before}")
        if env.recorder:
            env.recorder.add(image=planned.image.name if planned.image else None, backup=planned.from_backup)
        created = _create(replace(env, progress=recorded), planned)
        recorded.finish()
        return created


def _create(env: Environment, planned: plan.Plan) -> Created:
    _check_not_handed_over(env, planned.deployment)
    _prepare_backups(env)
    to_whom = recipient(env)
    placement = machine.prepare_placement(env, sshkey.ensure(env.settings.ssh_key), to_whom)
    volume = planned.deployment.volume or _new_volume(env, planned.deployment)
    droplet, host = _ensure_droplet(env, placement, planned, volume)
    now = remote.agent(host, answers.INFO).deployment if planned.deployment.live else None
    env = records.carried(env, now)
    address = _ensure_reserved_ip(env, droplet, planned.deployment)
    records.ensure(env, address.ip)
    _mount(env, volume, droplet, host)
    if now is not None:
        _describe(env, host, now, to_whom, address.ip)
    _deliver_secrets(env, planned, host)
    _restore_if_due(env, droplet, host, planned)
    _start(env, host)
    certificate_until = _certify(env, host, address.ip)
    with env.progress.step(f"health gate: https://{env.settings.domain} from outside"):
        gate.wait_until_healthy(env, planned.stack.bootstrap.health, address.ip, patience_s=HEALTH_S)
    if find.carries(env.settings, droplet, find.NEVER_SERVED):
        env.cloud.delete_tag(find.tag(env.settings, find.NEVER_SERVED))
    watch.ensure(env, planned.stack.bootstrap.health[0], planned.owner)
    if planned.stack.bootstrap.mail:
        _ask_for_mail(env, host)
    host.close()
    return Created(
        url=f"https://{env.settings.domain}/",
        address=address.ip,
        droplet=droplet,
        volume=volume,
        certificate_until=certificate_until,
        cost_month_usd=cost.total(planned.costs),
        stack=planned.stack,
    )


def _prepare_backups(env: Environment) -> None:
    if env.store is None:
        env.progress.warn("there will be no backups: no Spaces key is set (SPACES_ACCESS_KEY_ID)")
        return
    with env.progress.step(f"spaces bucket {env.settings.bucket}"):
        lacking = env.store.ensure_bucket(env.settings.prefix)
    if env.recorder:
        env.recorder.begin()
    if lacking:
        what = " and may not ".join(lacking)
        env.progress.warn(f"the Spaces key may not {what}: docs/operations.md, “A key of one bucket”")


def _new_volume(env: Environment, deployment: find.Deployment) -> Volume:
    settings = env.settings
    name, own = find.resource_name(settings), find.tag(settings)
    if snapshots.marked(env, deployment, snapshots.KEPT):
        raise ConflictError(
            "a rollback with data was interrupted while the data volume was made anew",
            f"bootstrap rollback {settings.domain} --with-data",
        )
    with env.progress.step(f"data volume of {settings.volume_size_gb} GiB"):
        try:
            return env.cloud.create_volume(name, settings.region, settings.volume_size_gb, [own])
        except ConflictError:
            # its name is taken: should the tag's count be behind as well, a second volume there never is
            there = find.volume_by_name(env)
            if there is None:
                raise
            return there


def _ensure_droplet(
    env: Environment, placement: machine.Placement, planned: plan.Plan, volume: Volume
) -> tuple[Droplet, Host]:
    running = planned.deployment.live
    if running is None:
        assert planned.image is not None, "the plan chooses an image when nothing runs"
        _check_free(env, planned.deployment, volume)
        due = [find.RESTORE_DUE] if planned.from_backup else []
        return _new_droplet(env, placement, planned.image, volume, due)
    if planned.from_backup and not find.carries(env.settings, running, find.RESTORE_DUE):
        env.progress.warn(
            f"{env.settings.domain} runs already and keeps its data; `bootstrap restore latest` replaces them"
        )
    if env.settings.image in (None, running.image_id):
        try:
            return machine.make_ready(env, running)
        except HostError as error:
            if not machine.can_be_replaced(env, running, error):
                raise
            env.progress.warn(f"{error.message}; {running.name} holds nothing yet: a new one takes its place")
    elif not find.carries(env.settings, running, find.NEVER_SERVED):
        env.progress.warn(f"{running.name} keeps its image {running.image_id}; `bootstrap redeploy` changes it")
        return machine.make_ready(env, running)
    return _replace_droplet(env, placement, planned, volume, running)


def _replace_droplet(
    env: Environment, placement: machine.Placement, planned: plan.Plan, volume: Volume, old: Droplet
) -> tuple[Droplet, Host]:
    """One that never served: its secrets never met anyone, so new ones may be made; its data are on the volume."""
    image = plan.choose_image(env, planned.stack.name, planned.size)
    deployment = find.find(env)
    if deployment.reserved_ip:
        # without its holder, the address is found by what is written down
        records.write_down(env, deployment.reserved_ip.ip)
    _stop_never_served(env, old)
    machine.discard(env, old, [volume.id])
    due = [find.RESTORE_DUE] if find.carries(env.settings, old, find.RESTORE_DUE) else []
    return _new_droplet(env, placement, image, volume, due)


def _stop_never_served(env: Environment, droplet: Droplet) -> None:
    """Databases that ended cleanly start sooner; a machine that cannot even be reached runs none."""
    if find.carries(env.settings, droplet, find.FIRST_CONTACT) or droplet.status != "active":
        return
    with closing(remote.connect(env, droplet)) as host:
        remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
        remote.agent(host, answers.VOLUME_UNMOUNT)


def _new_droplet(
    env: Environment, placement: machine.Placement, image: Image, volume: Volume, due: list[str]
) -> tuple[Droplet, Host]:
    tags = [find.tag(env.settings, business) for business in (find.NEVER_SERVED, *due)]
    return machine.prepare_droplet(env, placement, image, find.LIVE, volume_ids=[volume.id], extra_tags=tags)


def _check_free(env: Environment, deployment: find.Deployment, volume: Volume) -> None:
    """A replacement that was cut short holds the volume: finishing it is `redeploy`'s business."""
    if deployment.droplets:
        names = ", ".join(droplet.name for droplet in deployment.droplets)
        raise ConflictError(f"a replacement is under way: {names}", f"bootstrap redeploy {env.settings.domain}")
    if volume.droplet_ids:
        raise ConflictError(
            f"data volume {volume.name} is attached to droplet {volume.droplet_ids[0]}, not of this deployment",
            "detach it in the control panel",
        )


def _check_not_handed_over(env: Environment, deployment: find.Deployment) -> None:
    """Who has the data or the address serves, or is about to, whatever its role says: neither is taken from there."""
    candidate, volume, address = deployment.candidate, deployment.volume, deployment.reserved_ip
    if candidate is None or candidate == deployment.live:
        return
    if (volume and candidate.id in volume.droplet_ids) or (address and address.droplet_id == candidate.id):
        what = f"a replacement is under way, and {candidate.name} takes over"
        raise ConflictError(what, f"bootstrap redeploy {env.settings.domain}")


def _ensure_reserved_ip(env: Environment, droplet: Droplet, before: find.Deployment) -> ReservedIP:
    """`before` this run: a droplet of then may hold one that no list shows yet, and one that was replaced may have
    given it up."""
    found: ReservedIP | None = None
    if before.reserved_ip:
        found = env.cloud.reserved_ip(before.reserved_ip.ip)
    elif droplet.id in {old.id for old in before.droplets}:
        found = env.cloud.reserved_ip_of(droplet.id)
    if found is None:
        with env.progress.step("reserved ip"):
            return env.cloud.create_reserved_ip(droplet.id)
    if found.droplet_id != droplet.id:
        with env.progress.step(f"reserved ip {found.ip} to {droplet.name}"):
            env.cloud.assign_reserved_ip(found.ip, droplet.id)
        records.cross_out(env, found.ip)
    return found


def _mount(env: Environment, volume: Volume, droplet: Droplet, host: Host) -> None:
    with env.progress.step("data volume mounted"):
        if volume.id not in droplet.volume_ids:
            env.cloud.attach_volume(volume.id, droplet.id)
        remote.agent(host, answers.VOLUME_MOUNT, timeout_s=300)


def _describe(env: Environment, host: Host, now: Described, to_whom: str | None, address: str) -> None:
    """What cloud-init wrote when the droplet was made may be of other settings: names, addresses, retention."""
    wanted = render.deployment_document(env.settings, to_whom)
    if now == wanted:
        return
    # as long as the droplet knows them: killed here, the next run finds them again
    records.forget(env, records.taken_away(env, now), address)
    try:
        remote.agent(host, answers.DEPLOYMENT_PUT, stdin=wanted)
        env.progress.note("the droplet follows the changed settings")
    except UsageError:
        env.progress.warn("the droplet's agent is older and keeps its settings: bootstrap redeploy with a new image")


def _deliver_secrets(env: Environment, planned: plan.Plan, host: Host) -> None:
    with env.progress.step("secrets delivered over ssh"):
        # a backup brings the values of its data along
        existing = secrets.read(host) if planned.from_backup else secrets.known(env, host)
        secrets.deliver(env, planned.stack, host, planned.given, existing=existing)


def _restore_if_due(env: Environment, droplet: Droplet, host: Host, planned: plan.Plan) -> None:
    """With the values of before, but for those that the operator gives now: a log-in of before works."""
    from_backup = planned.from_backup
    if not find.carries(env.settings, droplet, find.RESTORE_DUE):
        return
    if from_backup is None:
        raise ConflictError(
            f"{env.settings.domain} was to start from a backup, and its restore was interrupted",
            "add --from-backup latest, or bootstrap destroy",
        )
    with env.progress.step(f"backup {from_backup} restored"):
        whose = planned.source.env if planned.source else env
        order = order_of(whose, choose_backup(whose, from_backup, planned.to), planned.to)
        order = msgspec.structs.replace(order, to_the_end=from_backup == LATEST and planned.to is None)
        if planned.source:
            order = msgspec.structs.replace(order, source=planned.source.place, sanitise=planned.source.sanitise)
        else:
            order = msgspec.structs.replace(order, settings=True)
        remote.agent(host, answers.RESTORE, from_backup, stdin=order, timeout_s=BACKUP_S)
        secrets.deliver(env, planned.stack, host, planned.given, existing=secrets.read(host))
    env.cloud.delete_tag(find.tag(env.settings, find.RESTORE_DUE))


def _start(env: Environment, host: Host) -> None:
    with env.progress.step("stack up and healthy"):
        remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)


def _ask_for_mail(env: Environment, host: Host) -> None:
    """The site is there without it: nothing is undone for mail."""
    try:
        found = mailing.ask(host)
    except BootstrapError as error:
        env.progress.warn(f"the droplet was not asked for its mail server: {error.message}")
        return
    if found.problem:
        env.progress.warn(f"{found.problem}; {found.remedy}")


def _certify(env: Environment, host: Host, address: str) -> str | None:
    """None when the stack gets its certificate by itself."""
    with env.progress.step("names lead to the reserved ip, and a certificate is allowed"):
        names.check(env, address)
    with env.progress.step("certificate"):
        answer = remote.agent(host, answers.CERTIFICATE_ENSURE, timeout_s=300)
    with env.progress.step("timers for backups and renewal"):
        remote.agent(host, answers.TIMERS_ENABLE)
    until: str | None = form.plain(answer.not_after)
    return until

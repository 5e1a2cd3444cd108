"""`bootstrap destroy`: traffic first, then machines, then what guarded them. Data stay unless told otherwise.

Each step forgives what is gone, so a killed run is run again; the firewall goes last, as a droplet is never without
it and `find` recognises a half-destroyed deployment by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from bootstrap.deployment import find, machine, people, remote, rights, snapshots, steps, watch
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.deployment.zones import place as place_of
from bootstrap.errors import BootstrapError, CloudError, ConflictError, NotFoundError
from bootstrap.operations import left
from bootstrap.operations.left import Left
from bootstrap.ports.cloud import Droplet, ReservedIP
from bootstrap_agent.contract import answers, history

INFO_S = 30


@dataclass(frozen=True)
class Destroyed:
    droplets: int
    volume_kept: str | None
    backups_deleted: int | None
    # of people, which `access add` had put into the account: by name
    keys_deleted: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()


def plan_text(deployment: find.Deployment, env: Environment, volume: bool, backups: bool, zones: bool = False) -> str:
    """One line for the question that is asked before."""
    parts = [f"{len(deployment.droplets)} droplet(s), the reserved ip, the firewall, the uptime check and the records"]
    parts += [f"the data volume {deployment.volume.name}"] if volume and deployment.volume else []
    parts += [f"all backups under {env.settings.prefix}"] if backups and env.store else []
    parts += ["its zones, where no record of yours is in them"] if zones else []
    return f"delete {', '.join(parts)} of {env.settings.domain}"


def destroy(
    env: Environment,
    *,
    volume: bool,
    backups: bool,
    zones: bool = False,
    confirmed: find.Deployment | None = None,
    still: Callable[[], None] = lambda: None,
) -> Destroyed:
    """`confirmed` is what a person agreed to: ConflictError when it is not what is there now. Without it, whatever is
    there goes. `still` is asked when nobody else can work on it any more, and may raise."""
    zones = zones and not env.settings.dns_elsewhere
    asked = [(rights.DESTROY_VOLUME, volume), (rights.DESTROY_ZONES, zones), (rights.DESTROY, not (volume or zones))]
    for command in (command for command, wanted in asked if wanted):
        rights.check(env.cloud, command, records=not env.settings.dns_elsewhere)
    with alone(env, "destroy") as locked:
        still()
        deployment = find.find_all(locked)
        if confirmed is not None:
            _check_unchanged(env, confirmed, deployment)
        if not (deployment.exists or deployment.volume):
            # an earlier run ended between the tag and what was to carry it
            env.cloud.drop_tag(find.tag(env.settings))
        _check_exists(env, deployment, volume, backups, zones)
        return _destroy(locked, deployment, volume, backups, zones)


def _check_unchanged(env: Environment, confirmed: find.Deployment, now: find.Deployment) -> None:
    before, after = _parts(confirmed), _parts(now)
    changes = [f"{part} is gone" for part in before if part not in after]
    changes += [f"{part} is new" for part in after if part not in before]
    if changes:
        raise ConflictError(
            f"{env.settings.domain} is not what was confirmed: {', '.join(changes)}; nothing was deleted",
            "run it again",
        )


def _parts(deployment: find.Deployment) -> list[str]:
    parts = [f"droplet {droplet.name} ({droplet.id})" for droplet in deployment.droplets]
    parts += [f"data volume {deployment.volume.id}"] if deployment.volume else []
    parts += [f"reserved ip {deployment.reserved_ip.ip}"] if deployment.reserved_ip else []
    return parts + ([f"firewall {deployment.firewall.id}"] if deployment.firewall else [])


def _destroy(env: Environment, deployment: find.Deployment, volume: bool, backups: bool, zones: bool) -> Destroyed:
    stacks = left.stacks_of(env, deployment)
    names = _names(env, deployment)
    watch.drop(env)
    if deployment.reserved_ip:
        with env.progress.step(f"records and reserved ip {deployment.reserved_ip.ip}"):
            _delete_address(env, deployment.reserved_ip, names)
    if zones:
        _delete_zones(env)
    for droplet in deployment.droplets:
        with env.progress.step(f"droplet {droplet.name}"):
            _delete_droplet(env, deployment, droplet)
    for copy in deployment.copies:
        # of an interrupted pre-flight
        env.cloud.delete_volume(copy.id)
    if deployment.volume:
        _volume(env, deployment, volume)
    deleted = _backups(env) if backups else None
    with env.progress.step("tags and firewall"):
        keys = people.forget_all(env)
        drop_tags(env)
        if deployment.firewall:
            env.cloud.delete_firewall(deployment.firewall.id)
        # of a preview, which is found by it
        find.forget_until(env)
    # nobody goes on from where a create stopped
    steps.path_of(env).unlink(missing_ok=True)
    if env.recorder:
        env.recorder.add(droplets=len(deployment.droplets), volume="deleted" if volume else "kept")
    kept = deployment.volume if not volume else None
    try:
        rest = left.after(env, stacks, volume=kept, backups=deleted is None)
    except CloudError as error:
        # all is done, and only looking failed
        env.progress.warn(f"what is left is not known: {error.message}")
        rest = []
    return Destroyed(len(deployment.droplets), kept.name if kept else None, deleted, tuple(keys), tuple(rest))


def check_exists(env: Environment, *, volume: bool, backups: bool, zones: bool = False) -> find.Deployment:
    """What `destroy` would delete, for the question before it."""
    deployment = find.find_all(env)
    _check_exists(env, deployment, volume, backups, zones)
    return deployment


def _check_exists(env: Environment, deployment: find.Deployment, volume: bool, backups: bool, zones: bool) -> None:
    asked = (volume and deployment.volume) or (backups and _has_backups(env)) or (zones and left.own_zones(env))
    if not deployment.exists and not asked:
        kept = deployment.volume
        raise NotFoundError(
            f"{env.settings.domain} is not deployed",
            f"its data volume {kept.name} is kept: --volume deletes it too" if kept else None,
        )


def _has_backups(env: Environment) -> bool:
    try:
        mine = env.settings.prefix
        own = mine + history.FOLDER
        return env.store is not None and any(not one.key.startswith(own) for one in env.store.list(mine))
    except NotFoundError:
        # no bucket
        return False


def drop_tags(env: Environment) -> None:
    """The cloud keeps a tag when its last carrier goes; the volume's own stays as long as it does."""
    for what in (*find.ROLES, *find.UNFINISHED, find.PREFLIGHT):
        env.cloud.delete_tag(find.tag(env.settings, what))
    if env.settings.dns_elsewhere:
        for left in env.cloud.tags(find.address_tag(env.settings)):
            env.cloud.delete_tag(left)
    # of a rollback with data that was interrupted
    for tag in env.cloud.tags(find.tag(env.settings, "data")):
        env.cloud.delete_tag(tag)
    env.cloud.drop_tag(find.tag(env.settings))


def _delete_droplet(env: Environment, deployment: find.Deployment, droplet: Droplet) -> None:
    _stop_cleanly(env, droplet)
    # an earlier run may have asked for its deletion, which takes a moment
    with suppress(NotFoundError):
        env.cloud.shutdown_droplet(droplet.id)
    if deployment.volume:
        env.cloud.detach_volume(deployment.volume.id, droplet.id)
    for copy in deployment.copies:
        env.cloud.detach_volume(copy.id, droplet.id)
    machine.forget_pins(env, droplet)
    env.cloud.delete_droplet(droplet.id)


def _stop_cleanly(env: Environment, droplet: Droplet) -> None:
    """The databases end their work and the volume is unmounted; a droplet that is silent is shut down all the same."""
    if droplet.status != "active":
        return
    try:
        with closing(remote.connect(env, droplet)) as host:
            remote.agent(host, answers.STACK_DOWN, timeout_s=180)
            remote.agent(host, answers.VOLUME_UNMOUNT)
    except BootstrapError as error:
        env.progress.note(f"the stack could not be stopped first: {error.message}")


def _names(env: Environment, deployment: find.Deployment) -> tuple[str, ...]:
    """With those that only the droplet knows, as they were taken away since, or are given on another computer."""
    own, serving = env.settings.names, deployment.live or deployment.candidate
    if serving is None or serving.status != "active" or deployment.reserved_ip is None:
        return own
    try:
        with closing(remote.connect(env, serving)) as host:
            known = remote.agent(host, answers.INFO, timeout_s=INFO_S).deployment
    except BootstrapError as error:
        env.progress.note(f"the droplet could not be asked for its names: {error.message}")
        return own
    return tuple(dict.fromkeys((*own, *(known.names if known else ()))))


def _delete_address(env: Environment, address: ReservedIP, names: Sequence[str]) -> None:
    """Last goes what a second run finds the address by: the droplet that holds it, else the apex record."""
    if address.droplet_id is not None:
        _delete_records(env, address.ip, names)
        env.cloud.delete_reserved_ip(address.ip)
    else:
        env.cloud.delete_reserved_ip(address.ip)
        _delete_records(env, address.ip, names)


def _delete_records(env: Environment, address: str, names: Sequence[str]) -> None:
    """Those that lead to the address, which somebody else may get next; all others are the operator's own."""
    if env.settings.dns_elsewhere:
        env.progress.note(f"delete the records of {', '.join(names)} where they are kept: {address} is gone")
        return
    known = env.cloud.domains()
    places = (place_of(name, known) for name in names)
    for zone in sorted({place.zone for place in places if place}):
        for record in env.cloud.records(zone):
            if (record.type, record.data) == ("A", address):
                env.cloud.delete_record(zone, record.id)


def _delete_zones(env: Environment) -> None:
    for zone, others in left.own_zones(env).items():
        if others:
            env.progress.note(f"zone {zone} is kept: {len(others)} records of yours are in it")
        else:
            env.cloud.delete_domain(zone)
            env.progress.note(f"zone {zone} is deleted")


def _volume(env: Environment, deployment: find.Deployment, delete: bool) -> None:
    assert deployment.volume is not None
    volume = deployment.volume
    if not delete:
        env.progress.note(f"data volume {volume.name} ({volume.size_gb} GiB) is kept")
        return
    with env.progress.step(f"data volume {volume.name} and its snapshots"):
        own = env.cloud.volume_snapshots(volume.id)
        for snapshot_id in {taken.id for taken in (*own, *snapshots.all_of(env, volume))}:
            env.cloud.delete_volume_snapshot(snapshot_id)
        env.cloud.delete_volume(volume.id)


def _backups(env: Environment) -> int | None:
    if env.store is None:
        env.progress.warn("backups are kept: no Spaces key is set")
        return None
    if env.recorder:
        # or the history would begin again
        env.recorder.leave_bucket()
    with env.progress.step(f"backups under {env.settings.prefix}"):
        try:
            # of these nobody asks how many there were
            env.store.delete_prefix(env.settings.prefix + history.FOLDER)
            return env.store.delete_prefix(env.settings.prefix)
        except NotFoundError:
            # the bucket was never made, or an earlier run came this far
            return 0

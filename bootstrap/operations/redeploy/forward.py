"""The way there: the actions from a candidate's creation to the old droplet's end, each safe to run again.

The old machine and the new one are never both let near the data: the volume is attached to one droplet only, and it is
unmounted on the one before it is attached to the other.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from bootstrap.deployment import allowance, machine, people, remote, secrets, snapshots, sshkey
from bootstrap.deployment import find as finding
from bootstrap.deployment.cost import SNAPSHOTS_KEPT
from bootstrap.deployment.environment import Environment
from bootstrap.errors import (
    BootstrapError,
    CertificateError,
    ConflictError,
    HostError,
    NotFoundError,
    UnhealthyError,
    UsageError,
)
from bootstrap.operations import backup, keptlogs
from bootstrap.operations.redeploy import exchange
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.ports.cloud import Droplet
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers

VOLUME_S = 180
HEALTH_S = 120
CANDIDATE_HEALTH_S = 30
CERTIFICATE_S = 300
# before the bound of the hold is over, the old droplet looks whether it still has the volume, and serves again if so:
# by then the volume is on its way, or stays
MARGIN_S = 15
# without an answer over SSH while visitors wait, the old droplet is dead
DEAD_S = 15
# where the bound is over: so that what is at its end still ends
LEAST_S = 5


def create_candidate(work: Replacement) -> None:
    env, kept = work.env, work.wish.reuse
    placement = machine.prepare_placement(env, sshkey.ensure(env.settings.ssh_key), backup.recipient(env))
    if kept is None:
        named = _named_as_old(work)
        work.made_ready(*machine.prepare_droplet(named, placement, work.wish.image, finding.CANDIDATE))
        return
    env.cloud.tag_droplet(kept.id, work.role(finding.CANDIDATE))
    droplet = env.cloud.droplet(kept.id)
    if droplet is None:
        raise NotFoundError(f"droplet {kept.id} is gone", "bootstrap status")
    work.made_ready(*machine.make_ready(env, droplet))


def _named_as_old(work: Replacement) -> Environment:
    """Records and certificate are `create`'s, which sees by what the droplet knows which names were taken away."""
    env, known = work.env, work.of_old.deployment
    if known is None or known.names == env.settings.names:
        return env
    if "names" in env.settings.model_fields_set:
        env.progress.note(f"names stay {', '.join(known.names)} until `bootstrap create` brings records after others")
    return replace(env, settings=env.settings.model_copy(update={"names": known.names}))


def prepare_candidate(work: Replacement) -> None:
    """The secrets go from droplet to droplet through this process only: no file here, no argument."""
    old, new = work.old_droplet(), work.new_droplet()
    new, host = machine.make_ready(work.env, new)
    work.made_ready(new, host)
    if work.wish.reuse or work.resumed:
        # before there are secrets of today to read
        people.settle(work.env, host)
    secrets.deliver(work.env, work.stack, host, work.given, existing=secrets.read(work.host(old)))
    # an image that cannot even read its stack is found out while the old one still serves
    seen = remote.agent(host, answers.STATUS)
    if seen.services_error is not None:
        raise HostError(f"the candidate's stack cannot be read: {seen.services_error}", "bake a new image")


def await_quiet(work: Replacement) -> None:
    """While an event of the provider's is pending, what is asked of a droplet is refused, for minutes: nobody is to
    wait for that, nor for requests that the token may not make."""
    old = work.old_droplet()
    work.env.cloud.wait_until_quiet([old.id, work.new_droplet().id], work.volume.id)
    allowance.check_unless_down(work.env, old, work.address, "a replacement")


def stop_live(work: Replacement) -> None:
    """From here on new visitors wait; they are answered by whoever has the address when this is over."""
    try:
        # nobody waits yet: the droplet may be at a backup of its own
        remote.in_turn(work.env, work.host(work.old_droplet()), answers.TIMERS_DISABLE)
        _stand_by(work)
        work.held()
        _stop(work, work.host(work.old_droplet()))
    except HostError as error:
        if not error.retryable or _answers(work):
            raise
        # the candidate is known to do well, and here nobody is served any more: powered off, nothing is written here
        old = work.old_droplet()
        work.env.progress.warn(f"{old.name} does not answer any more, so it is powered off: {error.message}")
        work.env.cloud.shutdown_droplet(old.id)


def _stand_by(work: Replacement) -> None:
    work.address_first = False
    with suppress(UsageError):
        # an agent of an earlier image cannot wait for the volume before it comes, nor hold who comes before that
        holds = remote.agent(work.host(work.new_droplet()), answers.STANDBY).holds
        # data that are gone back to may be given up once more, until the candidate was checked: nobody writes them
        work.address_first = holds and work.wish.data is None


def _stop(work: Replacement, host: Host) -> None:
    try:
        bound = str(work.env.settings.hold_bound_s)
        work.handed_over(remote.agent(host, answers.HANDOVER, bound, timeout_s=remote.STACK_S).seconds)
    except UsageError:
        # an agent of an earlier image: nothing there lets visitors in by itself
        remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
        remote.agent(host, answers.VOLUME_UNMOUNT, timeout_s=VOLUME_S)


def _answers(work: Replacement) -> bool:
    """A connection may break; a droplet that takes no new one is dead, or serves nobody."""
    try:
        work.host(work.old_droplet()).wait_until_reachable(timeout_s=DEAD_S)
    except HostError:
        return False
    return True


def snapshot_volume(work: Replacement) -> None:
    """While live serves: what a power cut in this moment would leave, which is what file system and databases are made
    to come back from. Nobody waits for it."""
    work.snapshot = snapshots.take(work.env, work.volume, work.old_droplet().image_id).name


def move_volume(work: Replacement) -> None:
    """The address comes before the data where visitors are held there: while the volume is detached, and not before
    that is on its way, as until then the old droplet may let visitors in again."""
    work.require_in_time(MARGIN_S)
    if work.address_first is None:
        # an earlier run had asked
        _stand_by(work)
    with work.provider():
        exchange.go_back(work)
        work.attach(work.new_droplet(), away_from=work.old_droplet(), with_address=bool(work.address_first))


def start_candidate(work: Replacement) -> None:
    """It installs the certificate that came with the volume: the authority could not reach this machine yet."""
    host = work.host(work.new_droplet())
    try:
        taken = remote.agent(host, answers.TAKEOVER, timeout_s=max(LEAST_S, work.left_s()))
    except UsageError:
        # an agent of an earlier image
        remote.agent(host, answers.VOLUME_MOUNT, timeout_s=VOLUME_S)
        remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
    else:
        work.note_parts(taken.seconds)
        work.serving = taken.serving
    if work.address_first:
        # who waited there was let in
        work.let_in()


def check_candidate(work: Replacement) -> None:
    new = work.new_droplet()
    patience_s = min(CANDIDATE_HEALTH_S, max(LEAST_S, work.left_s()))
    address = work.address if work.address_moved else new.public_ip
    if address is None:
        raise ConflictError(f"candidate {new.name} has no public address", "run the same command again")
    try:
        # it says that all paths answer, and nobody else serves meanwhile: no long patience, and one path
        work.gate(address, patience_s, work.serving[:1])
    except UnhealthyError as error:
        raise UnhealthyError(f"{error.message}; {_suspects(work)}", error.remedy) from error


def move_address(work: Replacement) -> None:
    """No-op where it came before the data."""
    if not work.address_moved:
        with work.provider():
            work.env.cloud.assign_reserved_ip(work.address, work.new_droplet().id)
        work.let_in()


# from here on only forward


def swap_roles(work: Replacement) -> None:
    """In this order there is never a second live droplet, and the candidate's tag, which says that this is not done
    yet, goes last: in one call, so that a kill leaves none that nothing carries."""
    cloud, new = work.env.cloud, work.new_droplet()
    if work.old is not None:
        cloud.tag_droplet(work.old.id, work.role(finding.RETIRED))
        cloud.untag_droplet(work.old.id, work.role(finding.LIVE))
    cloud.tag_droplet(new.id, work.role(finding.LIVE))
    cloud.untag_droplet(new.id, work.role(finding.RETIRED))
    cloud.delete_tag(work.role(finding.CANDIDATE))


def confirm(work: Replacement) -> None:
    work.gate(work.address, HEALTH_S, work.serving)
    host = work.host(work.new_droplet())
    with suppress(UsageError):
        # an agent of an earlier image brought up all at once
        remote.agent(host, answers.STACK_COMPLETE, timeout_s=remote.STACK_S)
    work.gate(work.address, HEALTH_S)
    if work.resumed:
        # it was made ready by the run that was interrupted
        people.settle(work.env, host)
    remote.agent(host, answers.TIMERS_ENABLE)
    try:
        remote.agent(host, answers.CERTIFICATE_ENSURE, timeout_s=CERTIFICATE_S)
    except CertificateError as error:
        work.env.progress.warn(f"served with the certificate as it is; its timer will try again: {error.message}")


def retire_old(work: Replacement) -> None:
    cloud, new = work.env.cloud, work.new_droplet()
    for droplet in cloud.droplets(work.role(finding.RETIRED)):
        keptlogs.keep(work.env, droplet, work.host)
        if work.wish.keep_old and work.old is not None and droplet.id == work.old.id:
            _put_aside(work, droplet)
        else:
            work.delete(droplet)
    # unless one is kept, nothing carries it now
    cloud.drop_tag(work.role(finding.RETIRED))
    # deleting the address's earlier owner has been seen to unassign it (terraform-provider-digitalocean#147)
    work.hold_address(new)
    _prune_snapshots(work)


def _put_aside(work: Replacement, droplet: Droplet) -> None:
    """Powered on again, it starts nothing: what was only stopped, Docker might."""
    if droplet.status == "off":
        return
    try:
        remote.agent(work.host(droplet), answers.STACK_DOWN, timeout_s=remote.STACK_S)
    except BootstrapError as error:
        work.env.progress.warn(f"{droplet.name} is powered off as it is: {error.message}")
    work.env.cloud.shutdown_droplet(droplet.id)


def _suspects(work: Replacement) -> str:
    """The candidate's own word on who is to blame: with it goes what could still be looked at."""
    try:
        services = remote.agent(work.host(work.new_droplet()), answers.STATUS).services
    except BootstrapError as error:
        return f"its services cannot be read: {error.message}"
    ill = ", ".join(str(service) for service in services if not service.well)
    return ill or "its services say that they are healthy"


def _prune_snapshots(work: Replacement) -> None:
    for snapshot in snapshots.all_of(work.env, work.volume)[SNAPSHOTS_KEPT:]:
        work.env.cloud.delete_volume_snapshot(snapshot.id)

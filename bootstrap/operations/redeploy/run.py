"""Redeploy: the whole machine is replaced, and whatever fails before the address moves gives everything back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from bootstrap.deployment import allowance, rights, snapshots
from bootstrap.deployment import find as finding
from bootstrap.deployment.claim import TakenOverError
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, UnhealthyError
from bootstrap.operations.create import plan
from bootstrap.operations.redeploy import exchange
from bootstrap.operations.redeploy.actions import perform
from bootstrap.operations.redeploy.back import discard_candidate
from bootstrap.operations.redeploy.journal import Journal
from bootstrap.operations.redeploy.replacement import Replacement, Wish, standing_of
from bootstrap.operations.redeploy.resume import resume
from bootstrap.operations.redeploy.table import BEFORE_STOP, GOING_BACK, Action, State, following, on_failure
from bootstrap.operations.redeploy.told import keep
from bootstrap.operations.redeploy.watching import watching
from bootstrap.ports.cloud import Droplet, Size
from bootstrap.ports.web import ProbeReport
from bootstrap.stack import loading as stacks


@dataclass(frozen=True)
class Machine:
    id: int
    name: str
    image: str


@dataclass(frozen=True)
class Replaced:
    """As a visitor outside saw it: `outage_s` is the longest time without a right answer, 0 when none failed;
    `longest_s` the longest that anyone waited for one."""

    domain: str
    reserved_ip: str
    old: Machine | None
    new: Machine
    old_kept: bool
    volume_snapshot: str | None
    # how long visitors waited; of that for the provider (detach, attach, address), and for us; None when an earlier run
    # let them wait
    hold_s: float | None
    provider_s: float | None
    own_s: float | None
    # the pre-flight: its own time, which nobody waited for, and how long a hold it foresaw
    preflight_s: float | None
    predicted_hold_s: float | None
    outage_s: float
    longest_s: float
    requests: int
    failed: int
    first_failure: str | None
    steps: dict[str, float]
    # what the agents did in the hold, and what just before it (`ahead`)
    parts: dict[str, float]
    resumed: bool
    # with its steps and what visitors waited, on this computer
    page: str | None = None


def redeploy(
    env: Environment, *, image_id: int | None = None, keep_old: bool = False, resize: bool = False
) -> Replaced:
    """Run again after any interruption, it goes on from there. `resize`: the size is asked for, and may be another."""
    rights.check(env.cloud, rights.RESIZE if resize else rights.REDEPLOY)
    with alone(env, "redeploy") as locked:
        return replace_droplet(locked, finding.find(locked), image_id=image_id, keep_old=keep_old)


def replace_droplet(
    env: Environment,
    deployment: finding.Deployment,
    *,
    image_id: int | None = None,
    keep_old: bool = False,
    reuse: Droplet | None = None,
    data: str | None = None,
    rollback: bool = False,
) -> Replaced:
    """A redeploy of what was found inside the lock, which the caller holds. `reuse` is a retired droplet, `data` a
    snapshot of the volume to go back to; `rollback`: for that command, which is not to be done twice."""
    journal = journal_of(env)
    if data is None:
        data = _data_due(env, deployment)
    deployment = exchange.settled(env, deployment, going_back=_was_going_back(journal))
    env, serving = as_live(env, deployment, image_id)
    stack = stacks.load(env.settings.stack, env.settings.compose_files)
    plan.check_stack(env, serving, stack.name)
    wish = Wish(plan.choose_image(env, stack.name, _new_size(env, serving)), keep_old, reuse, data, rollback)
    # one that goes elsewhere is no answer to the one that was not told
    wish = replace(wish, ended=rollback and image_id is None and untold(env, deployment))
    work = Replacement.of(env, deployment, journal, wish, stack)
    try:
        return _replace(work, image_id)
    finally:
        work.close()


def _data_due(env: Environment, deployment: finding.Deployment) -> str | None:
    """Of a rollback with data that was interrupted; where nothing of it was begun, it is no longer asked for."""
    due = snapshots.marked(env, deployment, snapshots.DUE)
    if due is not None and not under_way(env, deployment):
        exchange.forget(env)
        return None
    return due


def _was_going_back(journal: Journal) -> bool:
    last = journal.last()
    return last is not None and last.state in GOING_BACK


def under_way(env: Environment, deployment: finding.Deployment) -> bool:
    """An interrupted replacement waits to be completed or given back."""
    return state_of(env, deployment) is not State.IDLE


def untold(env: Environment, deployment: finding.Deployment) -> bool:
    """A rollback did it all, and was killed before it said so."""
    last, live = journal_of(env).last(), deployment.live
    if last is None or live is None or deployment.candidate is not None or last.state is not State.RETIRED:
        return False
    return bool(last.facts.get("rollback")) and not last.facts.get("told") and last.facts.get("candidate") == live.id


def state_of(env: Environment, deployment: finding.Deployment) -> State:
    return resume(standing_of(deployment), journal_of(env).last())


def _replace(work: Replacement, image_id: int | None) -> Replaced:
    env, began_at = work.env, work.state
    work.resumed = began_at is not State.IDLE
    if not work.resumed:
        # asked again before anything stops; until then nothing has been made in vain
        allowance.check_unless_down(env, work.old_droplet(), work.address, "a replacement")
    _settle_what_was_begun(work, image_id)
    prober = env.web.prober(f"https://{env.settings.domain}{_probed(work)}", address=work.address)
    prober.start()
    try:
        with watching(prober, env.progress):
            failure = _run(work)
    finally:
        seen = prober.stop()
    if work.state is State.GIVEN_BACK:
        back = _given_back(work, failure, seen)
        keep(work, seen, {}, back.message)
        raise back from failure
    report = _report(work, seen)
    return replace(report, page=keep(work, seen, asdict(report)))


def _probed(work: Replacement) -> str:
    """A path that answers on both sides; of an earlier release only the health paths are known to."""
    stack = work.stack.bootstrap
    if work.old is None or stack.serving == stack.health:
        return stack.serving[0]
    try:
        known = work.of_old.serving
    except BootstrapError:
        if not work.resumed:
            raise
        # it may be anywhere
        known = stack.serving
    return next((path for path in stack.serving if path in known), stack.health[0])


def _run(work: Replacement) -> Exception | None:
    """Step after step to an end; returns what made it turn back, if something did."""
    failure: Exception | None = None
    while (step := following(work.state)) is not None:
        try:
            perform(work, step)
        except TakenOverError:
            # whoever took over goes on from here, or gives back
            raise
        except Exception as error:
            if work.state in GOING_BACK:
                raise _stuck(work, step.target, failure, error) from error
            back = on_failure(work.state)
            if back is None:
                raise _unfinished(work, error) from error
            if _address_moved(work, error):
                work.enter(State.CUTOVER)
                continue
            failure, work.reason = error, _message(error)
            work.env.progress.warn(f"{work.reason}: giving back to the old droplet")
            work.enter(State.GIVING_BACK if work.resumed else back.target)
    return failure


def _address_moved(work: Replacement, error: Exception) -> bool:
    """A call that failed may have had its effect: only the cloud knows, and both ways are wrong if it cannot say."""
    if work.state is not State.HEALTHY:
        return False
    try:
        return work.address_moved
    except BootstrapError as silent:
        raise _unfinished(work, error) from silent


def as_live(env: Environment, deployment: finding.Deployment, image_id: int | None) -> tuple[Environment, Droplet]:
    """A redeploy changes the machine, not its size or who may reach it, unless the settings say so. And what serves."""
    serving = deployment.live or deployment.candidate
    if serving is None:
        raise finding.none_live(env.settings)
    given = env.settings.model_fields_set
    carried: dict[str, object] = {"region": serving.region, "image": image_id or env.settings.image}
    if "size" not in given:
        carried["size"] = serving.size
    if "ssh_from" not in given and deployment.firewall is not None:
        ssh = [rule for rule in deployment.firewall.inbound if (rule.protocol, rule.ports) == ("tcp", "22")]
        carried |= {"ssh_from": ssh[0].sources} if ssh else {}
    return replace(env, settings=env.settings.model_copy(update=carried)), serving


def _new_size(env: Environment, serving: Droplet) -> Size | None:
    """Where it is another one: that it is there, and, before anything is made, which image fits on its disk."""
    if env.settings.size == serving.size:
        return None
    rights.check(env.cloud, rights.RESIZE)
    return plan.choose_size(env)


def _settle_what_was_begun(work: Replacement, image_id: int | None) -> None:
    if work.old is not None and work.state in BEFORE_STOP:
        # the data are there, so that nobody else can serve
        work.hold_address(work.old)
    if work.state is State.IDLE:
        return
    if work.wish.ended:
        ended = "an earlier rollback came to its end, and was killed before it could say so: nothing more is done now"
        work.env.progress.warn(ended)
        return
    work.env.progress.note(f"an earlier replacement was interrupted: going on from {work.state.value}")
    if work.new is None or image_id in (None, work.new.image_id):
        return
    if work.state is State.CANDIDATE_CREATED and work.wish.reuse is None:
        work.env.progress.note(f"its candidate has another image, {work.new.image_id}: discarded, as nothing was moved")
        discard_candidate(work)
        work.new = None
        work.enter(State.IDLE)
    else:
        work.env.progress.warn(
            f"the earlier one is completed first, with its image {work.new.image_id}; run again for image {image_id}"
        )


def _given_back(work: Replacement, failure: Exception | None, seen: ProbeReport) -> BootstrapError:
    old = work.old.name if work.old else "the old droplet"
    # whoever was not touched may have died by itself
    was_asked = Action.START_LIVE.value in work.seconds
    if not was_asked and seen.samples and not seen.samples[-1].right:
        return UnhealthyError(
            f"{work.reason}; {old} was left as it is, and does not answer: {seen.first_failure}",
            f"bootstrap create --domain {work.env.settings.domain} brings it up again",
        )
    waited = f": no request failed, the longest waited {seen.longest_s:.1f} s"
    outage = f" again after {_outage(seen):.1f} s of outage" if seen.failed else waited
    message = f"{work.reason or 'the candidate was lost'}; {old} serves {work.env.settings.domain}{outage}"
    if isinstance(failure, BootstrapError) and not isinstance(failure, UnhealthyError):
        return type(failure)(message, failure.remedy)
    # its own hint would lead to logs that went with the candidate
    return UnhealthyError(message, "the candidate is gone: bake a better image, or run the same command again")


def _stuck(work: Replacement, target: State, failure: Exception | None, error: Exception) -> BootstrapError:
    first = _message(failure) if failure is not None else work.reason or "an earlier run was interrupted"
    kind = type(failure) if isinstance(failure, BootstrapError) else UnhealthyError
    return kind(
        f"{first}; giving back stopped before {target.value}: {_message(error)}; {_where(work)}",
        f"bootstrap redeploy {work.env.settings.domain} goes on giving back",
    )


def _unfinished(work: Replacement, error: Exception) -> BootstrapError:
    kind = type(error) if isinstance(error, BootstrapError) else BootstrapError
    return kind(
        f"the replacement stopped at {work.state.value}: {_message(error)}; {_where(work)}",
        f"bootstrap redeploy {work.env.settings.domain} completes it",
    )


def _where(work: Replacement) -> str:
    try:
        return work.where()
    except BootstrapError as error:
        return f"where volume and address are is not known: {error.message}"


def _message(error: Exception) -> str:
    return error.message if isinstance(error, BootstrapError) else f"{type(error).__name__}: {error}"


def _outage(seen: ProbeReport) -> float:
    return round(seen.outage_s, 2) if seen.failed else 0.0


def _report(work: Replacement, seen: ProbeReport) -> Replaced:
    assert work.new is not None
    names = {image.id: image.name for image in work.env.cloud.images()}

    def told(droplet: Droplet) -> Machine:
        return Machine(droplet.id, droplet.name, names.get(droplet.image_id, str(droplet.image_id)))

    return Replaced(
        domain=work.env.settings.domain,
        reserved_ip=work.address,
        old=told(work.old) if work.old else None,
        new=told(work.new),
        old_kept=work.wish.keep_old and work.old is not None,
        volume_snapshot=work.snapshot,
        hold_s=_rounded(work.hold_s),
        provider_s=_rounded(work.provider_s if work.hold_s is not None else None),
        own_s=_rounded(work.hold_s - work.provider_s if work.hold_s is not None else None),
        preflight_s=work.seconds.get(Action.PREFLIGHT.value),
        predicted_hold_s=_rounded(work.predicted_hold_s),
        outage_s=_outage(seen),
        longest_s=seen.longest_s,
        requests=seen.requests,
        failed=seen.failed,
        first_failure=seen.first_failure,
        steps=work.seconds,
        parts=work.parts,
        resumed=work.resumed,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def journal_of(env: Environment) -> Journal:
    return Journal(env.folder / "replacement.jsonl")

"""The lock of a deployment that every computer sees: a tag of the account,
`bootstrap:KEY:lock:HOLDER_OPERATION:BEGAN:SEEN`.

DigitalOcean can make a tag, list tags and delete one, and none of it depends on another. So the order of the calls is
what excludes: each run makes its tag, then lists, and goes on only when the list shows its own and nobody else's. Of
two that do so at once at least one sees the other; who began later leaves, and who began earlier waits until it has.

The holder makes a new tag with the time of now each minute, and only then deletes the one before. After STALE_S without
a new one others take over: they delete what is stale, and go on from there as above. A holder that was only slow (a
laptop that slept) finds its tag gone, at its next renewal or before its next step, and stops there.

What it tolerates: clocks that differ by less than STALE_S - RENEW_S, some nine minutes (with more, a computer whose
clock is ahead takes over a run that lives, which then stops; one whose clock is behind waits longer). Lists that lag
behind by less than SETTLE_S, as long as they show tags in the order in which they were made. SIGKILL at any moment:
this computer's next run takes over at once, as the kernel says that nobody holds `deployment/lock.py`'s file.
What it does not stop is a step that has begun: whoever takes over looks at the cloud anew, as after any interruption.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from bootstrap.deployment import find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, CloudError, ConflictError
from bootstrap.ports.progress import Progress
from bootstrap_agent.waiting import until

RENEW_S = 60.0
STALE_S = 600.0
# how long a list may lag behind, and a run that began later may take to leave
SETTLE_S = 20.0
PAUSE_S = 0.5
_TIME = "%Y%m%d-%H%M%S"


class TakenOverError(ConflictError):
    """The lock went to somebody else while this run worked: it must not touch the deployment any more."""


@dataclass(frozen=True, order=True)
class Claim:
    """Times are UTC, as the holder's clock says; the earlier claim is the smaller one."""

    began: str
    holder: str
    seen: str
    # the command that works; an earlier version named none, and reads what is named here as part of the holder
    operation: str = ""

    def __str__(self) -> str:
        by = f"{self.holder}_{self.operation}" if self.operation else self.holder
        return f"{by}:{self.began}:{self.seen}"

    @property
    def since(self) -> datetime:
        return _parsed(self.began)

    @property
    def silent_s(self) -> int:
        """For how long there was no sign of life, as the two computers' clocks say."""
        return max(0, int((_now() - _parsed(self.seen)).total_seconds()))

    @property
    def is_stale(self) -> bool:
        return (_now() - _parsed(self.seen)).total_seconds() > STALE_S

    def described(self) -> str:
        since = f"{self.holder} since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        does = f"with `{self.operation}`, " if self.operation else ""
        return f"{since} ({does}its last sign of life: {self.silent_s} s ago)"


class Held:
    """The claim of this run, renewed by a thread of its own until `release`."""

    def __init__(self, env: Environment, own: Claim) -> None:
        self._env, self._own = env, own
        # all that were made and not deleted yet, the newest last
        self._made: list[Claim] = []
        self._lost: TakenOverError | None = None
        self._one_at_a_time, self._over = threading.Lock(), threading.Event()

    def acquire(self) -> None:
        """ConflictError when another run works on the deployment."""
        _clear(self._env, self._own.holder)
        try:
            self._make(self._own)
            self._wait_until_alone()
        except BaseException:
            self.release()
            raise
        threading.Thread(target=self._keep, daemon=True, name="lock").start()

    def check(self) -> None:
        """TakenOverError when it is no longer ours. Asked before each step: the computer may have slept."""
        if self._lost is not None:
            raise self._lost
        if (_now() - _parsed(self._own.seen)).total_seconds() > 2 * RENEW_S:
            # the thread missed its turn
            self.renew()

    def renew(self) -> None:
        """New tag, list, then delete the old one: who took over meanwhile has deleted that, or sees the new one."""
        with self._one_at_a_time:
            if self._over.is_set():
                return
            if self._lost is not None:
                raise self._lost
            before = set(self._made)
            fresh = replace(self._own, seen=_time())
            self._make(fresh)
            listed = _claims(self._env)
            if before and not before & set(listed):
                self._lost = _taken_over(self._env, [claim for claim in listed if claim.holder != fresh.holder])
                self._delete(fresh)
                raise self._lost
            self._own = fresh
            for old in before - {fresh}:
                self._delete(old)

    def release(self) -> None:
        """What the command did stands, whatever comes of this."""
        self._over.set()
        with self._one_at_a_time:
            for claim in tuple(self._made):
                try:
                    self._delete_patiently(claim)
                except BootstrapError as error:
                    self._env.progress.warn(
                        f"the lock {_tag(self._env, claim)} stays: {error.message}; the next run from here takes it "
                        f"over at once, one from elsewhere after {STALE_S / 60:.0f} min"
                    )

    def _keep(self) -> None:
        while self._lost is None and not self._over.wait(RENEW_S):
            # what fails here is tried again: by the next turn, or by the next step once it is due
            with suppress(BootstrapError):
                self.renew()

    def _wait_until_alone(self) -> None:
        unlisted = CloudError(
            f"the API does not list the lock {_tag(self._env, self._own)} that it has made",
            "run the same command again",
        )
        why: BootstrapError = unlisted

        def alone() -> bool:
            nonlocal why
            listed = _claims(self._env)
            rivals = sorted(claim for claim in listed if claim.holder != self._own.holder and not claim.is_stale)
            why = _busy(self._env, rivals[0]) if rivals else unlisted
            if rivals and rivals[0] < self._own:
                raise why
            return self._own in listed and not rivals

        until(alone, timeout_s=SETTLE_S, pause_s=PAUSE_S, late=lambda: why)

    def _make(self, claim: Claim) -> None:
        if claim not in self._made:
            # first, as a call that fails may have had its effect
            self._made.append(claim)
        self._env.cloud.create_tag(_tag(self._env, claim))

    def _delete(self, claim: Claim) -> None:
        self._env.cloud.delete_tag(_tag(self._env, claim))
        self._made.remove(claim)

    def _delete_patiently(self, claim: Claim) -> None:
        """A last call that fails by chance would leave a tag that nobody misses before the next run."""
        try:
            self._delete(claim)
        except CloudError:
            self._delete(claim)


@contextmanager
def held(env: Environment, operation: str = "") -> Iterator[Environment]:
    """An environment whose steps begin only as long as the claim is ours. Whoever calls it holds the lock of this
    computer: see `lock.alone`."""
    began = _time()
    claim = Held(env, Claim(began, _holder(env.state_dir), began, operation))
    claim.acquire()
    try:
        yield replace(env, progress=_Checked(env.progress, claim))
    finally:
        claim.release()


class _Checked:
    """A progress that lets no step begin once the lock is lost."""

    def __init__(self, progress: Progress, claim: Held) -> None:
        self._progress, self._claim = progress, claim

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self._claim.check()
        with self._progress.step(text):
            yield

    def note(self, text: str) -> None:
        self._progress.note(text)

    def warn(self, text: str) -> None:
        self._progress.warn(text)


def holder_of(env: Environment) -> Claim | None:
    """Who works on the deployment, or died at it, for a person; of several who lives and began first."""
    return min(_claims(env), key=lambda claim: (claim.is_stale, claim), default=None)


def _clear(env: Environment, holder: str) -> None:
    """Takes over from runs that ended without a word: from an earlier one of ours at once, from others when stale."""
    listed = _claims(env)
    others = [claim for claim in listed if claim.holder != holder]
    if living := sorted(claim for claim in others if not claim.is_stale):
        raise _busy(env, living[0])
    for other in others:
        env.progress.note(f"taking over from {other.described()}: that run has ended, or sleeps")
    for claim in listed:
        env.cloud.delete_tag(_tag(env, claim))


def _claims(env: Environment) -> list[Claim]:
    prefix = f"{find.tag(env.settings, 'lock')}:"
    return [claim for tag in env.cloud.tags(prefix) if (claim := _claim(tag.removeprefix(prefix))) is not None]


def _claim(text: str) -> Claim | None:
    """None for what no run of ours made."""
    found = re.fullmatch(r"([A-Za-z0-9-]+)(?:_([a-z-]+))?:(\d{8}-\d{6}):(\d{8}-\d{6})", text)
    if found is None:
        return None
    holder, operation, began, seen = found.groups()
    try:
        _parsed(began), _parsed(seen)
    except ValueError:
        return None
    return Claim(began, holder, seen, operation or "")


def _tag(env: Environment, claim: Claim) -> str:
    return f"{find.tag(env.settings, 'lock')}:{claim}"


def _busy(env: Environment, by: Claim) -> ConflictError:
    return ConflictError(
        f"another run of bootstrap works on {env.settings.domain}: {by.described()}",
        f"wait until it has ended; {STALE_S / 60:.0f} min after its last sign of life it is taken over",
    )


def _taken_over(env: Environment, others: list[Claim]) -> TakenOverError:
    by = f"by {min(others).described()}" if others else "away by somebody"
    return TakenOverError(
        f"the lock of {env.settings.domain} was taken {by}: this run stopped",
        f"bootstrap status {env.settings.domain}; when the other run has ended, run the same command again",
    )


def _holder(state_dir: Path) -> str:
    """This home on this computer: one that was copied with its folder has another host's name, two homes on one host
    have two numbers."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state_dir / "holder", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        # two first runs, for two domains, agree on one number
        fcntl.flock(file, fcntl.LOCK_EX)
        number = file.read()
        if not re.fullmatch(r"[0-9a-f]{8}", number):
            number = secrets.token_hex(4)
            file.seek(0)
            file.truncate()
            file.write(number)
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:30]
    return f"{host}-{number}" if host else number


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _time() -> str:
    return _now().strftime(_TIME)


def _parsed(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=timezone.utc)

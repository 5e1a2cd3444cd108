"""A run from its question to its report: whatever ends it, what it made is deleted."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.adapters.digitalocean import Patience
from bootstrap.cli.context import Endpoints
from bootstrap.errors import BootstrapError
from localcloud.api.contract import Contract
from tools.verify import answers, child, price, report, suite
from tools.verify.account import Account, Thing
from tools.verify.differences import Found, differences
from tools.verify.life import Failed, Life, fetch_roots
from tools.verify.marks import Marker
from tools.verify.names import Run
from tools.verify.recorder import Recorder
from tools.verify.routes import Routes

SUITE_S = 3600
# a test ends by itself when it is told to; what it leaves is deleted all the same
SUITE_END_S = 60
SUITE = "contract suite"
LEFT = "nothing is left of the deployment"
# of a deployment, `destroy` leaves none of these
_DEPLOYMENT = ("droplet", "volume", "snapshot", "reserved ip", "firewall", "uptime check", "alert policy")
_TOLD = re.compile(r"\S+::(\S+) (PASSED|FAILED|ERROR)\b")
Say = Callable[[str], None]


def settle_s(cloud: str) -> float:
    """How far lists may be behind: the local cloud's as its `fast` profile says."""
    return 3 if cloud == "local" else Patience().lists_s


class Interrupted(BaseException):
    """Ctrl-C, or a SIGTERM."""


@dataclass
class Verification:
    """`parts` are `suite` and `life`; `work` is the run's own folder."""

    run: Run
    cloud: str
    domain: str
    region: str
    endpoints: Endpoints
    account: Account
    parts: tuple[str, ...]
    work: Path
    say: Say
    steps: list[report.Step] = field(default_factory=list)
    is_whole: bool = False
    is_left: bool = True
    # what a signal raises may be lost in a callback of the interpreter's: no step begins after it
    told: threading.Event = field(default_factory=threading.Event)
    _recorder: Recorder = field(init=False)
    _deadline: float = field(init=False)

    def execute(self) -> None:
        """Raises nothing but Interrupted, when all is deleted."""
        self._deadline = time.monotonic() + price.HOURS * 3600
        with ended_by_signals(self.told):
            marker = Marker(self.run, self.account, self.work / "tags", self.say)
            self._recorder = Recorder(self.endpoints.api, marker.hear)
            try:
                # nothing is made any more when the recorder is gone
                with self._recorder:
                    self._execute()
                self.is_whole = True
            except (Interrupted, KeyboardInterrupt):
                self.say("interrupted")
                raise Interrupted from None
            finally:
                with child.undisturbed(lambda _: self.say("still deleting: what is killed now, --clean has to delete")):
                    self._delete_all()

    def _execute(self) -> None:
        if "suite" in self.parts:
            self._step(SUITE, self._suite)
        if "life" not in self.parts:
            return
        life = self._life()
        for name, step in life.steps():
            if not self._step(name, step):
                return
        self._step(LEFT, self._check_left)

    def _step(self, name: str, act: Callable[[], object]) -> bool:
        """Whether it went well."""
        if self.told.is_set():
            raise Interrupted
        self._recorder.during = name
        self.say(f"{name} …")
        began, failure = time.monotonic(), None
        try:
            act()
        except (Failed, child.TooLong) as error:
            failure = str(error)
        except BootstrapError as error:
            failure = error.message
        self.steps.append(report.Step(name, time.monotonic() - began, failure))
        self.say(f"{name}: {failure or 'passed'} ({self.steps[-1].seconds:.0f} s)")
        return failure is None

    def _suite(self) -> None:
        given = suite.Given(self.run, self.domain, self.region, self._recorder.url, self.endpoints.token)
        ended = child.run(
            suite.argv(),
            cwd=suite.ROOT,
            environment=given.environment(),
            line=self._detail,
            timeout_s=min(SUITE_S, self._deadline - time.monotonic()),
            shows_stdout=True,
            end_s=SUITE_END_S,
        )
        bad, count = _told(ended.heard)
        if ended.code != 0 or not count:
            raise Failed(f"{len(bad)} of {count} failed: {', '.join(bad) or ' '.join(ended.heard[-1:])}")

    def _life(self) -> Life:
        folder = self.work / "operator"
        folder.mkdir()
        if local := self.endpoints.overrides.get("acme"):
            roots = Path(local["roots_file"])
        else:
            roots = self.work / "roots.pem"
            fetch_roots(roots)
        life = Life(
            run=self.run,
            cloud=self.cloud,
            domain=f"{self.run.label}.{self.domain}",
            region=self.region,
            api=self._recorder.url,
            work=folder,
            say=self._detail,
            roots=roots,
            deadline=self._deadline,
        )
        # else `create` would name it after this computer
        self.account.cloud.create_ssh_key(f"bootstrap-{self.run.label}", life.prepare().public)
        return life

    def _detail(self, line: str) -> None:
        self.say(f"    {line}")

    def _check_left(self) -> None:
        """From outside. A list may still show what is gone."""
        deadline = time.monotonic() + settle_s(self.cloud)
        while left := [thing for thing in self._things() if thing.kind in _DEPLOYMENT]:
            if time.monotonic() > deadline:
                raise Failed(f"`bootstrap destroy` left {', '.join(map(str, left))}")
            time.sleep(1)

    def _things(self) -> list[Thing]:
        return self.account.things(lambda run: run == self.run)

    def _delete_all(self) -> None:
        self.say(f"deleting what carries {self.run.tag} …")
        began = time.monotonic()
        try:
            left = self.account.sweep(lambda run: run == self.run, self._detail, settle_s(self.cloud))
            self.account.drop_spare_tags()
            self.is_left = bool(left)
            failure = f"still there: {', '.join(left)}" if left else None
        except BootstrapError as error:
            failure = f"{error.message}; `make verify-cloud ARGS=--clean` deletes what is left"
        self.steps.append(report.Step("everything deleted", time.monotonic() - began, failure))
        self.say(f"deleting: {failure or 'nothing is left'}")

    # --- what came of it

    def found(self, contract: Contract, routes: Routes) -> Found:
        return differences(self._recorder.exchanges, answers.Answers.load(), contract, routes)

    def learn(self, routes: Routes) -> None:
        known = answers.Answers.load() if answers.FILE.exists() else answers.Answers()
        known.add(self._recorder.exchanges, routes)
        known.save()

    def outcome(self, found: Found, cost: str) -> report.Outcome:
        return report.Outcome(
            self.cloud, self.region, self.steps, self._recorder.exchanges, found, cost, is_whole=self.is_whole
        )


def _told(lines: Iterable[str]) -> tuple[list[str], int]:
    """What pytest says of each test: names of those that failed, and how many there were."""
    told = [found for line in lines if (found := _TOLD.match(line))]
    return [one[1] for one in told if one[2] != "PASSED"], len(told)


@contextmanager
def ended_by_signals(told: threading.Event) -> Iterator[None]:
    def end(number: int) -> None:
        told.set()
        raise Interrupted

    with child.undisturbed(end):
        yield

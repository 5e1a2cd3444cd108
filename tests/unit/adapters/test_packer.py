"""What Packer does only with a cloud, or in another version: a small program stands in for it. The real one is in
tests/contract/packer and in the rehearsal."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from bootstrap.adapters.packer import PackerProcess
from bootstrap.errors import CloudError, RequirementError

TEMPLATE = Path(__file__).resolve().parents[3] / "packer"

PROGRAM = """#!/usr/bin/env python3
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
if sys.argv[1] == "version":
    print("Packer v" + (here / "version").read_text())
    sys.exit()
folder = pathlib.Path(sys.argv[-1])
with (here / "calls").open("a") as log:
    log.write(json.dumps({
        "argv": sys.argv[1:], "files": sorted(p.name for p in folder.iterdir()),
        "scripts": (folder / "scripts" / "10-base.sh").exists(),
        "key": [os.environ.get("PKR_VAR_ssh_public_key"), os.environ.get("PKR_VAR_ssh_private_key_file")],
    }) + "\\n")
if sys.argv[1] == "init":
    sys.exit()
%s
"""


def program(folder: Path, version: str, body: str) -> PackerProcess:
    (folder / "version").write_text(version)
    path = folder / "packer"
    path.write_text(PROGRAM % body)
    path.chmod(0o755)
    return PackerProcess(str(path))


def run(packer: PackerProcess, lines: list[str]) -> None:
    packer.build(TEMPLATE, variables={"tags": ["a"]}, secrets={"token": "dop_v1_x"}, line=lines.append)


def calls(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def test_a_current_packer_is_given_its_plugins(tmp_path: Path) -> None:
    run(program(tmp_path, "1.9.5", ""), [])
    init, build = calls(tmp_path)
    assert str(init["argv"]).startswith("['init'")
    assert {"droplet.pkr.hcl", "plugins.pkr.hcl"} <= set(build["files"])  # type: ignore[call-overload]
    assert build["scripts"], "path.root leads to the scripts"


def test_a_packer_with_its_builder_compiled_in_is_given_a_key_that_is_not_rsa(tmp_path: Path) -> None:
    run(program(tmp_path, "1.6.6", ""), [])
    (build,) = calls(tmp_path)
    public, private = build["key"]  # type: ignore[misc]
    assert public.startswith("ssh-ed25519 ") and not Path(private).exists(), "gone with the build"


def test_a_current_packer_makes_its_own(tmp_path: Path) -> None:
    """Given one, its plugin would make a droplet without any key, whose root has a password that must be changed."""
    run(program(tmp_path, "1.9.5", ""), [])
    assert all(call["key"] == [None, None] for call in calls(tmp_path))


def test_a_failure_names_the_script_and_the_reason(tmp_path: Path) -> None:
    body = """print("==> digitalocean.droplet: Provisioning with shell script: /x/40-images.sh")
print("==> digitalocean.droplet: failed to solve: no such host")
print("==> digitalocean.droplet:")
print("==> digitalocean.droplet: Provisioning step had errors: Running the cleanup provisioner, if present...")
print("Build 'digitalocean.droplet' errored after 3 seconds: Script exited with non-zero exit status: 1")
print("==> Builds finished but no artifacts were created.")
sys.exit(1)"""
    with pytest.raises(CloudError, match=r"40-images\.sh: failed to solve: no such host$"):
        run(program(tmp_path, "1.6.6", body), [])


@pytest.mark.parametrize(
    "said",
    [
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
        # BuildKit asks for the head alone, and a head has no words
        "failed to resolve source metadata for docker.io/library/python:3.13-slim: unexpected status from HEAD request "
        "to https://registry-1.docker.io/v2/library/python/manifests/3.13-slim: 429 Too Many Requests",
    ],
)
def test_docker_hubs_limit_is_explained(tmp_path: Path, said: str) -> None:
    body = f"""print("==> digitalocean.droplet: Provisioning with shell script: /x/40-images.sh")
print("==> digitalocean.droplet: {said}")
print("==> digitalocean.droplet: Provisioning step had errors: Running the cleanup provisioner, if present...")
print("Build 'digitalocean.droplet' errored after 3 seconds: Script exited with non-zero exit status: 1")
sys.exit(1)"""
    with pytest.raises(CloudError, match=re.escape(said)) as failure:
        run(program(tmp_path, "1.6.6", body), [])
    assert "REGISTRY_PASSWORD" in str(failure.value.remedy)


def test_without_packer_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match="not installed"):
        run(PackerProcess(str(tmp_path / "packer")), [])


def test_an_interrupt_lets_packer_delete_its_droplet(tmp_path: Path) -> None:
    body = """def clean_up(*_):
    time.sleep(0.3)
    (here / "cleaned").touch()
    sys.exit(1)
signal.signal(signal.SIGINT, clean_up)
print("ready", flush=True)
time.sleep(60)"""
    packer = program(tmp_path, "1.6.6", body)
    lines: list[str] = []

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while "ready" not in lines and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # started in the background, as CI may do it, a process inherits that interrupts are ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(packer, lines)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "cleaned").exists()

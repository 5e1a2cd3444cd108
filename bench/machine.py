"""A machine of the local cloud that a benchmark has to itself for some minutes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import digitalocean
import stamina

NAME = "bench-load"


@dataclass(frozen=True)
class Machine:
    address: str
    key: Path

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 300) -> bytes:
        """A shell command as root. The host key is unknown: the machine was made a moment ago and lives for minutes."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        done = subprocess.run(
            ["ssh", "-i", str(self.key), "-o", "BatchMode=yes", *options, f"root@{self.address}", command],
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode(errors="replace")[-1000:]
            raise RuntimeError(f"{self.address}: `{command}` ended with {done.returncode}: {said}")
        return done.stdout


@contextmanager
def plain_ubuntu(token: str, name: str = NAME) -> Iterator[Machine]:
    """Ubuntu 22.04 as the provider gives it; droplet and key are gone afterwards, whatever happened."""
    # a droplet that is not up yet is no news: without this each attempt stands in the log
    stamina.instrumentation.set_on_retry_hooks([])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        private = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
        public = private.with_suffix(".pub").read_text().strip()
        key = digitalocean.SSHKey(token=token, name=name, public_key=public)
        key.create()
        droplet = digitalocean.Droplet(
            token=token, name=name, region="nyc3", image="ubuntu-22-04-x64", size_slug="s-2vcpu-2gb", ssh_keys=[key.id]
        )
        try:
            droplet.create()
            droplet.get_actions()[0].wait(update_every_seconds=1)
            droplet.load()
            machine = Machine(droplet.ip_address, private)
            retries = stamina.retry_context(
                on=RuntimeError, attempts=None, timeout=120, wait_initial=0.2, wait_max=0.5, wait_jitter=0.1
            )
            for attempt in retries:
                with attempt:
                    machine.run("true")
            yield machine
        finally:
            if droplet.id:
                droplet.destroy()
            key.destroy()

"""A local cloud that a benchmark has to itself, and the deployment's visitor. Nothing runs afterwards; the baked image
stays in BOOTSTRAP_CLOUD_HOME for the next run (`bootstrap --cloud local cloud reset --images` removes it).
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import httpx

ROOT = Path(__file__).resolve().parents[1]
BOOTSTRAP = str(Path(sys.executable).with_name("bootstrap"))
STACK = ROOT / "stack"
DOMAIN = "baked.example"
BETWEEN_S = 0.2


@dataclass(frozen=True)
class Cloud:
    """`work` is the operator's folder."""

    home: Path
    endpoints: dict[str, Any]
    work: Path

    def bootstrap(self, *argv: str, home: Path | None = None, stdin: str = "", timeout_s: float = 900) -> Done:
        env = {**os.environ, "BOOTSTRAP_CLOUD_HOME": str(home or self.home), "XDG_STATE_HOME": str(self.work)}
        command = [BOOTSTRAP, "--cloud", "local", *argv]
        ended = subprocess.run(
            command, cwd=self.work, env=env, input=stdin, capture_output=True, text=True, timeout=timeout_s
        )
        if ended.returncode != 0:
            raise SystemExit(f"`bootstrap {' '.join(argv)}` ended with {ended.returncode}: {ended.stderr[-1000:]}")
        return Done(ended.stdout, ended.stderr)


@dataclass(frozen=True)
class Done:
    out: str
    err: str


@contextmanager
def running() -> Iterator[Cloud]:
    home = Path(os.environ.get("BOOTSTRAP_CLOUD_HOME", "/var/lib/bootstrap-cloud-bench"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        work = Path(folder)
        (work / "bootstrap.yaml").write_text(
            f"stack: {STACK}\nssh_key: {work / 'ssh' / 'key'}\nrecovery_key: {work / 'recovery.key'}\n"
        )
        idle = Cloud(home, {}, work)
        idle.bootstrap("cloud", "reset")
        try:
            idle.bootstrap("cloud", "start", timeout_s=1800)
            cloud = Cloud(home, json.loads((home / "endpoints.json").read_text()), work)
            os.environ["DIGITALOCEAN_END_POINT"] = cloud.endpoints["api"] + "/v2/"
            cloud.bootstrap("image", "build", "--if-changed", timeout_s=2400)
            yield cloud
        finally:
            idle.bootstrap("cloud", "reset")


@dataclass(frozen=True)
class Visitor:
    """Someone outside: asks the cloud's DNS where the name leads, and accepts only the authority's certificate."""

    dns: str
    tls: ssl.SSLContext

    @staticmethod
    def of(cloud: Cloud) -> Visitor:
        roots = cloud.endpoints["acme"]["roots_file"]
        return Visitor(cloud.endpoints["dns"], ssl.create_default_context(cafile=roots))

    def gets(self, domain: str, path: str) -> bool:
        try:
            address = self._address(domain)
            with httpx.Client(verify=self.tls, timeout=2, trust_env=False) as client:
                request = client.build_request("GET", f"https://{address}{path}", headers={"Host": domain})
                request.extensions["sni_hostname"] = domain
                return client.send(request).status_code == 200
        except (httpx.HTTPError, dns.exception.DNSException, OSError, LookupError):
            return False

    def _address(self, domain: str) -> str:
        answer = dns.query.udp(dns.message.make_query(domain, dns.rdatatype.A), self.dns, timeout=1)
        return str(answer.answer[0][0])


@contextmanager
def watched(visitor: Visitor, domain: str, paths: Sequence[str], deadline_s: float) -> Iterator[Callable[[], Firsts]]:
    """The clock starts now; what it gives waits for the first 200 of each path."""
    began = time.monotonic()

    def first_answers() -> Firsts:
        found: dict[str, float] = {}
        while len(found) < len(paths) and not given_up:
            for path in (path for path in paths if path not in found):
                if visitor.gets(domain, path):
                    found[path] = time.monotonic() - began
            if time.monotonic() > began + deadline_s:
                raise SystemExit(f"https://{domain}: no 200 within {deadline_s:.0f} s for {set(paths) - set(found)}")
            time.sleep(BETWEEN_S)
        return found

    given_up: list[bool] = []
    with ThreadPoolExecutor(1) as pool:
        watch: Future[Firsts] = pool.submit(first_answers)
        try:
            yield watch.result
        finally:
            given_up.append(True)


Firsts = Mapping[str, float]


def health_paths() -> tuple[str, ...]:
    from bootstrap.stack.loading import load

    return load(STACK).bootstrap.health


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)

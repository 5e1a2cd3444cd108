"""The real CLI on real machines: one local cloud and one baked image for the whole session.

Everything is reached as a person would: `bootstrap` as a process, HTTPS to the reserved IP, SSH through
`bootstrap ssh`. The cloud has a home of its own, so a running demo is left alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import own

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "tickets.example"
ALERTS_TO = "alarms@example.org"
STACK = "/home/deploy/apps/Ticket-Tracking-System/Docker"
PROGRAM = Path(sys.executable).with_name("bootstrap")
HELLO = ROOT / "examples" / "hello"
CONTRACT = ROOT / "tests" / "contract" / "api" / "openapi.json"
HOME = own(Path(os.environ.get("BOOTSTRAP_TEST_HOME", "/var/lib/bootstrap-cloud-test")))


def _why_not() -> str | None:
    if sys.platform != "linux":
        return "real machines need Linux"
    if os.geteuid() != 0:
        return "real machines need root"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _why_not()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.rehearsal)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))
    # It leads the deployment that all share to its end, and to other addresses.
    items.sort(key=lambda item: item.path.name == "test_life.py")


# the files whose tests this process has run
BEGUN: set[str] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    BEGUN.add(item.path.name)


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Bootstrap:
    """The CLI as a process; `work` is the operator's folder, with bootstrap.yaml in it."""

    work: Path
    env: Mapping[str, str]
    transcript: Path
    program: Path = PROGRAM

    def __call__(
        self, *argv: str, check: bool = True, stdin: str = "", timeout_s: float = 900, unlogged: bool = False
    ) -> Answer:
        """`unlogged` keeps out of the transcript what a test itself asked the droplet to tell."""
        done = subprocess.run(
            [str(self.program), "--cloud", "local", *argv],
            cwd=self.work,
            env=dict(self.env),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
        )
        with self.transcript.open("a") as log:
            if not unlogged:
                log.write(f"$ bootstrap {' '.join(argv)}\n{done.stdout}{done.stderr}[exit {done.returncode}]\n")
        answer = Answer(done.returncode, done.stdout, done.stderr)
        if check and answer.code != 0:
            pytest.fail(
                f"bootstrap {' '.join(argv)} ended with {answer.code}:\n{answer.out[-3000:]}\n{answer.err[-3000:]}"
            )
        return answer


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Bootstrap:
    work = tmp_path_factory.mktemp("operator")
    (work / "bootstrap.yaml").write_text(
        f"stack: {ROOT / 'stack'}\nssh_key: {work / 'ssh' / 'digitalocean'}\nalerts: {{email: {ALERTS_TO}}}\n"
    )
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DIGITALOCEAN", "SPACES", "AWS", "BOOTSTRAP"))},
        "BOOTSTRAP_CLOUD_HOME": str(HOME),
        "BOOTSTRAP_CLOUD_CONTRACT": str(CONTRACT),
        "XDG_STATE_HOME": str(work / "state"),
        "XDG_CONFIG_HOME": str(work / "config"),
    }
    if cache := os.environ.get("BOOTSTRAP_CLOUD_CACHE"):
        env["BOOTSTRAP_CLOUD_CACHE"] = cache
    return Bootstrap(work, env, work / "transcript.log")


@pytest.fixture(scope="session")
def cloud(bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """The running local cloud's endpoints. Earlier machines are gone; baked images are kept. Whatever it answered
    while the tests ran has to fit DigitalOcean's own document.

    `token` is the operator's. What a test asks by itself it asks with `watcher_token`, which may do as much: each token
    has its own limit of requests, and none of the product's is used up."""
    bootstrap("cloud", "reset")
    before = host_state()
    # as unfriendly as it gets
    bootstrap("cloud", "start", "--friendly", "none", timeout_s=1800)
    endpoints = json.loads((HOME / "endpoints.json").read_text())
    endpoints["watcher_token"] = bootstrap("cloud", "token", "--scope", "*:*", unlogged=True).out.strip()
    # python-digitalocean takes it from here alone when it builds an object of another class
    os.environ["DIGITALOCEAN_END_POINT"] = endpoints["api"] + "/v2/"
    try:
        yield endpoints
    finally:
        del os.environ["DIGITALOCEAN_END_POINT"]
        bootstrap("cloud", "stop")
        checked = answers_checked(HOME)
        bootstrap("cloud", "reset")
        left = {what: sorted(host_state()[what] - had) for what, had in before.items()}
        assert not any(left.values()), f"the local cloud left something behind: {left}"
    assert checked >= (1000 if "test_life.py" in BEGUN else 1), f"only {checked} answers were held against the contract"


def answers_checked(home: Path) -> int:
    """How many answers of this cloud were held against openapi.json since its last reset; all of them fit."""
    violations = home / "contract-violations.jsonl"
    assert not violations.exists(), violations.read_text()[:4000]
    return sum(json.loads(report.read_text())["checked"] for report in home.glob("contract-*.json"))


def host_state() -> dict[str, set[str]]:
    """What this cloud has on its host; other clouds may run beside it. Its links, tables and namespaces carry
    the first eight digits of its folder's hash."""
    ours = re.compile(f"{re.escape(str(HOME))}/|{hashlib.sha256(str(HOME).encode()).hexdigest()[:8]}")

    def lines(*argv: str) -> set[str]:
        found = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
        return {line for line in found if ours.search(line)}

    return {
        "mounts": lines("findmnt", "--noheadings", "--raw", "--output", "TARGET"),
        "namespaces": lines("ip", "-br", "netns"),
        "links": lines("ip", "-br", "link"),
        "tables": lines("nft", "list", "tables"),
        "loops": lines("losetup", "--noheadings", "--output", "NAME,BACK-FILE"),
        "processes": {line for line in _command_lines() if ours.search(line)},
    }


def _command_lines() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        # A process may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit():
                yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


@pytest.fixture(scope="session")
def image(bootstrap: Bootstrap, cloud: dict[str, Any]) -> dict[str, Any]:
    """The newest image, baked by Packer's own digitalocean builder through the API."""
    bootstrap("image", "build", "--if-changed", timeout_s=2400)
    images: list[dict[str, Any]] = bootstrap("image", "list", "--json").json()
    return next(image for image in images if image["stack"] == "ticket-tracking")


@pytest.fixture(scope="session")
def hello_image(bootstrap: Bootstrap, cloud: dict[str, Any]) -> dict[str, Any]:
    """The small stack's: a deployment of it stands in half a minute."""
    bootstrap("image", "build", "--stack", str(HELLO), "--if-changed", timeout_s=1800)
    images: list[dict[str, Any]] = bootstrap("image", "list", "--json").json()
    return next(image for image in images if image["stack"] == "hello")


@pytest.fixture(scope="session")
def hello(bootstrap: Bootstrap, hello_image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Bootstrap:
    """The CLI in the folder of another operator, whose stack it is."""
    work = tmp_path_factory.mktemp("hello")
    (work / "bootstrap.yaml").write_text(f"stack: {HELLO}\nssh_key: {work / 'ssh' / 'digitalocean'}\n")
    return replace(bootstrap, work=work)


@pytest.fixture(scope="session")
def visitor(cloud: dict[str, Any]) -> ssl.SSLContext:
    """Trusts the local authority and nothing else."""
    return ssl.create_default_context(cafile=cloud["acme"]["roots_file"])


@dataclass(frozen=True)
class Site:
    """A deployment as a visitor sees it: the name is verified, the address is its reserved IP."""

    domain: str
    address: str
    tls: ssl.SSLContext

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Host": self.domain, **kwargs.pop("headers", {})}
        with httpx.Client(verify=self.tls, timeout=kwargs.pop("timeout", 15), trust_env=False) as client:
            request = client.build_request(method, f"https://{self.address}{path}", headers=headers, **kwargs)
            request.extensions["sni_hostname"] = self.domain
            return client.send(request)


def status(bootstrap: Bootstrap) -> dict[str, Any]:
    answer: dict[str, Any] = bootstrap("status", DOMAIN, "--json").json()
    return answer


@pytest.fixture(scope="session")
def site(bootstrap: Bootstrap, image: dict[str, Any], visitor: ssl.SSLContext) -> Site:
    """The one deployment that all rehearsals share; test_life.py leads it to its end."""
    bootstrap("create", "--domain", DOMAIN)
    return Site(DOMAIN, status(bootstrap)["reserved_ip"], visitor)

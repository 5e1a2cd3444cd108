"""One whole life of a deployment, by the CLI as a person would type it: bake, create, redeploy, backup, restore,
destroy. What is written into its guest book on the way must outlive the machine; the restore must forget what came
later."""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from bootstrap.deployment import sshkey
from bootstrap.errors import BootstrapError
from tools.verify import child
from tools.verify.names import Run

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "examples" / "hello"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
# letsencrypt.org/docs/staging-environment: nobody trusts these roots, so they are fetched for this run
ROOTS = [
    f"https://letsencrypt.org/certs/staging/{name}.pem"
    for name in ("letsencrypt-stg-root-x1", "letsencrypt-stg-root-x2", "gen-y/root-yr", "gen-y/root-ye")
]
BAKE_S, CREATE_S, COMMAND_S = 3600, 1800, 1800
KEPT, LATER = "written before the backup", "written after the backup"


class Failed(Exception):
    """A step did not do what it is for: one line."""


@dataclass
class Life:
    """`work` is the operator's folder; `api` is where the CLI is sent; `roots` verify the site's certificate."""

    run: Run
    cloud: str
    domain: str
    region: str
    api: str
    work: Path
    say: Callable[[str], None]
    roots: Path
    # on the monotonic clock: the run's own end
    deadline: float
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def prepare(self) -> sshkey.Keypair:
        """The operator's folder, and the key that is put into the account under the run's name."""
        stack = self.work / "stack"
        shutil.copytree(STACK, stack)
        compose = stack / "docker-compose.prod.yml"
        named = compose.read_text().replace("\n  name: hello\n", f"\n  name: {self.run.label}\n", 1)
        compose.write_text(named)
        values = self.work / "values.env"
        values.touch(mode=0o600)
        values.write_text(f"GUESTBOOK_KEY={self.key}\n")
        settings: dict[str, Any] = {
            "domain": self.domain,
            "region": self.region,
            "stack": "stack",
            "ssh_key": "ssh/key",
            "env_file": "values.env",
            # at DigitalOcean; the local cloud has an authority of its own
            "acme": {"directory": STAGING, "roots_file": str(self.roots)},
            # a zone that has just been made
            "dns_timeout_s": 600,
        }
        (self.work / "bootstrap.yaml").write_text(yaml.safe_dump(settings))
        return sshkey.ensure(self.work / "ssh" / "key")

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        return [
            ("bake", lambda: self._bootstrap("image", "build", "--base", "none", timeout_s=BAKE_S)),
            ("create", self._create),
            ("redeploy", self._redeploy),
            ("backup", self._backup),
            ("restore", self._restore),
            ("destroy", lambda: self._bootstrap("destroy", self.domain, "--volume", "--backups", "--yes")),
        ]

    def _create(self) -> None:
        self._bootstrap("create", "--domain", self.domain, timeout_s=CREATE_S)
        self._write(KEPT)
        self._reads(KEPT)

    def _redeploy(self) -> None:
        before = self._status()
        report = json.loads(self._bootstrap("redeploy", self.domain, "--json", timeout_s=CREATE_S))
        after = self._status()
        if report["failed"]:
            raise Failed(f"{report['failed']} of {report['requests']} requests failed")
        if after["droplet"]["id"] == before["droplet"]["id"]:
            raise Failed("it is the same droplet")
        if after["reserved_ip"] != before["reserved_ip"]:
            raise Failed("the address is another")
        self._reads(KEPT)

    def _backup(self) -> None:
        taken = json.loads(self._bootstrap("backup", "now", self.domain, "--json"))
        if not taken["media"]:
            raise Failed("nothing was backed up")
        self._write(LATER)

    def _restore(self) -> None:
        self._bootstrap("restore", "latest", self.domain, "--yes")
        self._reads(KEPT, without=LATER)

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._bootstrap("status", self.domain, "--json"))
        if not found["healthy"]:
            raise Failed("status says that it is not healthy")
        return found

    def _bootstrap(self, *argv: str, timeout_s: float = COMMAND_S) -> str:
        ended = child.run(
            [str(Path(sys.executable).with_name("bootstrap")), "--cloud", self.cloud, "--progress", "plain", *argv],
            cwd=self.work,
            environment={"BOOTSTRAP_API_URL": self.api, "XDG_STATE_HOME": str(self.work / "state")},
            line=self.say,
            timeout_s=max(1.0, min(timeout_s, self.deadline - time.monotonic())),
        )
        if ended.code != 0:
            raise Failed(f"`bootstrap {' '.join(argv)}` ended with {ended.code}: {' '.join(ended.heard[-2:])}")
        return ended.out

    # --- as a visitor

    def _write(self, line: str) -> None:
        with self._site() as site:
            answer = site("POST", line)
        if answer.status_code != 201:
            raise Failed(f"the guest book answers {answer.status_code} to a new line")

    def _reads(self, line: str, without: str | None = None) -> None:
        with self._site() as site:
            text = site("GET", "").text
        if line not in text:
            raise Failed(f"what was {line} is gone")
        if without and without in text:
            raise Failed(f"what was {without} is still there")

    @contextmanager
    def _site(self) -> Iterator[Callable[[str, str], httpx.Response]]:
        """The name is verified; the address is the reserved IP, as no resolver here may know the name yet."""
        address = self._status()["reserved_ip"]
        tls = ssl.create_default_context(cafile=str(self.roots))
        head = {"Host": self.domain, "Authorization": f"Bearer {self.key}"}
        with httpx.Client(verify=tls, timeout=30, trust_env=False) as client:

            def site(method: str, line: str) -> httpx.Response:
                request = client.build_request(method, f"https://{address}/", headers=head, content=line.encode())
                request.extensions["sni_hostname"] = self.domain
                return client.send(request)

            try:
                yield site
            except httpx.HTTPError as error:
                raise Failed(f"https://{self.domain}/ does not answer: {error}") from None


def fetch_roots(file: Path) -> None:
    """Of Let's Encrypt's staging authority; a root that is not published any more is left out."""
    found = []
    with httpx.Client(timeout=30, follow_redirects=True) as client:
        for url in ROOTS:
            answer = client.get(url)
            if answer.is_success and answer.text.lstrip().startswith("-----BEGIN CERTIFICATE-----"):
                found.append(answer.text.strip() + "\n")
    if not found:
        raise BootstrapError(
            "the roots of Let's Encrypt's staging authority are not published where they were", ROOTS[0]
        )
    file.write_text("".join(found))

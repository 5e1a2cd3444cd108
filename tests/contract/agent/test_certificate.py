"""A current certbot before a real authority: pebble, which validates over HTTP-01. Of renewal information (RFC 9773)
Debian's pebble knows nothing: that comes over TLS from a server of the test's own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509 as cryptography_x509
from msgspec.structs import replace

from bootstrap_agent import volume
from bootstrap_agent.certificate import ari, certbot, ensure, pair, renewal, x509
from bootstrap_agent.certificate.renewal import Memory, Plan
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import Ensured
from bootstrap_agent.contract.deployment import Acme, Backup, Deployment, Spaces
from bootstrap_agent.contract.errors import CertificateError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import parse
from localcloud.services import acme, dns
from localcloud.services.private_ca import ensure_ca, ensure_leaf
from localcloud.services.supervisor import Supervisor
from tests.contract.services.conftest import ADDRESS, free_ports
from tests.waiting import until

DOMAIN = "example.test"
STACK = parse({"name": "x", "health": ["/"], "certificate": {"install": "tls", "reload": ["web", "hup"]}})
HOUR = timedelta(hours=1)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("pebble"), reason="needs root, and pebble: `make setup`"),
]


@dataclass
class Droplet:
    """What the agent knows of the place it runs in, with an authority of its own that can be begun anew."""

    folder: Path
    ports: list[int]
    supervisor: Supervisor | None = None
    profile: str | None = None

    @property
    def deployment(self) -> Deployment:
        directory, ca = f"https://{ADDRESS}:{self.ports[0]}/dir", acme.Files(self.folder / "acme").ca
        return Deployment(
            domain=DOMAIN,
            names=(DOMAIN, f"www.{DOMAIN}"),
            key="example_test",
            volume="v",
            acme=Acme(directory, None, str(ca), self.profile),
            spaces=Spaces("e", "r", "b", "p/"),
            backup=Backup(7),
        )

    @property
    def release(self) -> Release:
        return Release(name="r", stack_dir=str(self.folder / "stack"), compose_file=paths.COMPOSE_FILE, images={})

    def ensure(self, run: Callable[..., Ensured] = ensure.ensure) -> Ensured:
        return run(self.release, self.deployment, STACK, NoContainers(self.release))

    def found(self) -> Certificate:
        found = x509.read(pair.lineage(self.deployment) / "fullchain.pem")
        assert found is not None
        return found

    def authority(self, lifetime: timedelta) -> None:
        """Started, or started again: it knows no account of before."""
        if self.supervisor:
            self.supervisor.stop()
        acme_port, management, names, http, tls = self.ports
        services = [
            dns.service(self.folder, ADDRESS, names),
            acme.service(
                self.folder,
                ADDRESS,
                port=acme_port,
                management_port=management,
                dns_port=names,
                http_port=http,
                tls_port=tls,
                lifetime=lifetime,
            ),
        ]
        self.supervisor = Supervisor(services, self.folder / "run")
        self.supervisor.start()


class NoContainers(Compose):
    """The stack of this droplet is not up: there is nobody to tell of a new pair."""

    def containers(self) -> list[Any]:
        return []


class Webroot(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """pytest shows what the tests say, not what a server says."""


@pytest.fixture
def droplet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Droplet]:
    letsencrypt, webroot = tmp_path / "letsencrypt", tmp_path / "webroot"
    for folder in (letsencrypt, webroot):
        folder.mkdir()
    monkeypatch.setattr(paths, "LETSENCRYPT", letsencrypt)
    monkeypatch.setattr(paths, "WEBROOT", webroot)
    monkeypatch.setattr(volume, "require_mounted", lambda: None)
    monkeypatch.setattr(certbot, "CERTBOT", Path(sys.executable).with_name("certbot"))
    monkeypatch.setattr(certbot, "WORK", tmp_path / "work")
    monkeypatch.setattr(certbot, "LOG", tmp_path / "log" / "letsencrypt.log")
    monkeypatch.setattr(certbot, "ROOTS", tmp_path / "roots.pem")
    monkeypatch.setattr(pair, "RELOAD_IS_DUE", tmp_path / "reload-is-due")
    (tmp_path / "dns").mkdir()
    records = [{"type": "A", "name": name, "data": ADDRESS, "ttl": 60} for name in ("@", "www")]
    (tmp_path / "dns" / "records.json").write_text(json.dumps({DOMAIN: records}))
    place = Droplet(tmp_path, free_ports(5))
    web = ThreadingHTTPServer((ADDRESS, place.ports[3]), partial(Webroot, directory=str(webroot)))
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        yield place
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
        if place.supervisor:
            place.supervisor.stop()


def test_six_days_are_obtained_kept_and_renewed_at_two_thirds(
    droplet: Droplet, monkeypatch: pytest.MonkeyPatch
) -> None:
    droplet.authority(timedelta(days=6))
    made = droplet.ensure()
    first = droplet.found()
    assert made.changed and abs(first.not_after - first.not_before - timedelta(days=6)) < HOUR
    assert (droplet.release.folder / "tls" / "privkey.pem").stat().st_mode & 0o777 == 0o600
    for run in (ensure.ensure, ensure.renew):
        assert droplet.ensure(run) == replace(made, changed=False)
    monkeypatch.setattr(ensure, "utc_now", lambda: first.two_thirds - timedelta(minutes=1))
    assert droplet.ensure(ensure.renew) == replace(made, changed=False)
    monkeypatch.setattr(ensure, "utc_now", lambda: first.two_thirds)
    assert droplet.ensure(ensure.renew).changed and droplet.found().ari_id != first.ari_id


def test_a_profile_that_the_authority_does_not_offer_is_told_and_done_without(
    droplet: Droplet, capsys: pytest.CaptureFixture[str]
) -> None:
    droplet.authority(timedelta(days=6))
    droplet.profile = "shortlived"
    assert droplet.ensure().changed and droplet.found().names == {DOMAIN, f"www.{DOMAIN}"}
    told = "the authority offers no profile shortlived, so its default is asked for: it has none"
    assert told in capsys.readouterr().err


def test_nothing_is_bent_where_a_life_is_over_in_seconds(droplet: Droplet) -> None:
    """No clock is moved: kept at once, renewed as soon as two thirds of a very short life are over."""
    droplet.authority(timedelta(seconds=9))
    droplet.ensure()
    first = droplet.found()
    assert droplet.ensure().changed is False
    until(lambda: droplet.ensure(ensure.renew).changed, "the renewal", 20)
    assert first.two_thirds <= droplet.found().not_before + timedelta(seconds=2)


def test_a_failure_is_remembered_waits_and_is_over_with_the_next_success(
    droplet: Droplet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authority is away when the time has come; the certificate that is there still serves."""
    droplet.authority(timedelta(days=6))
    made = droplet.ensure()
    first = droplet.found()
    assert droplet.supervisor is not None
    droplet.supervisor.stop()
    now = first.two_thirds + timedelta(minutes=1)
    monkeypatch.setattr(ensure, "utc_now", lambda: now)
    with pytest.raises(CertificateError, match="does not answer"):
        droplet.ensure(ensure.renew)
    failing = renewal.answer(first).failing
    assert failing is not None and failing.since == now and "does not answer" in failing.why
    droplet.authority(timedelta(days=6))
    with pytest.raises(CertificateError, match=f"its renewal fails since {stamp(now)}: .* does not answer") as told:
        droplet.ensure(ensure.renew)
    assert told.value.remedy == f"tried again after {stamp(failing.retry_at)}"
    assert x509.read(pair.lineage(droplet.deployment) / "fullchain.pem") == first, "the timer has not asked"
    now += timedelta(minutes=31)
    renewed = droplet.ensure(ensure.renew)
    assert renewed.changed and renewed != made
    assert renewal.recall().failing is None


def test_a_person_does_not_wait(droplet: Droplet) -> None:
    droplet.authority(timedelta(days=90))
    assert droplet.supervisor is not None
    droplet.supervisor.stop()
    with pytest.raises(CertificateError, match="does not answer"):
        droplet.ensure()
    assert renewal.recall().failing is not None
    droplet.authority(timedelta(days=90))
    with pytest.raises(CertificateError, match="its renewal fails since"):
        droplet.ensure(ensure.renew)
    assert droplet.ensure().changed is True
    assert renewal.recall().failing is None


# as certbot 1.21 wrote it, with the same arguments
OF_1_21 = """# renew_before_expiry = 30 days
version = 1.21.0
archive_dir = {folder}/archive/{domain}
cert = {folder}/live/{domain}/cert.pem
privkey = {folder}/live/{domain}/privkey.pem
chain = {folder}/live/{domain}/chain.pem
fullchain = {folder}/live/{domain}/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = {account}
key_type = ecdsa
config_dir = {folder}
server = {server}
authenticator = webroot
webroot_path = {webroot},
[[webroot_map]]
{domain} = {webroot}
www.{domain} = {webroot}
"""


def test_what_certbot_1_21_left_on_the_volume_is_taken_over(droplet: Droplet) -> None:
    """Ubuntu 22.04's own, which earlier images used: its account and its lineage stay."""
    droplet.authority(timedelta(days=90))
    droplet.ensure()
    first, folder = droplet.found(), paths.LETSENCRYPT
    (account,) = (path.parent.name for path in folder.rglob("private_key.json"))
    words = {"folder": folder, "domain": DOMAIN, "account": account, "webroot": paths.WEBROOT}
    settings = OF_1_21.format(server=droplet.deployment.acme.directory, **words)
    (folder / "renewal" / f"{DOMAIN}.conf").write_text(settings)
    (folder / renewal.NAME).unlink()
    assert droplet.ensure().changed is False, "it is kept"
    due = Plan(first.ari_id, first.not_before, first.not_after)
    renewal.remember(Memory(due))
    assert droplet.ensure(ensure.renew).changed is True and droplet.found().ari_id != first.ari_id
    assert [path.parent.name for path in folder.rglob("private_key.json")] == [account]
    assert sorted(path.name for path in (folder / "live").iterdir()) == ["README", DOMAIN]


@dataclass
class Information:
    """What the authority says of one certificate, and how often it was asked about which."""

    window: dict[str, str]
    retry_after: str = "3600"
    status: int = 200
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def information(tmp_path: Path) -> Iterator[tuple[Information, str, Path]]:
    """With its directory, and the root that it is trusted by."""
    ca, key, own, own_key = (tmp_path / name for name in ("ca.pem", "ca-key.pem", "own.pem", "own-key.pem"))
    ensure_ca(ca, key)
    ensure_leaf(ca, key, own, own_key, ADDRESS)
    said = Information({"start": stamp(NOW + 10 * HOUR), "end": stamp(NOW + 20 * HOUR)})

    class Handler(Webroot):
        def do_GET(self) -> None:
            base = f"https://{ADDRESS}:{server.server_port}/renewal-info"
            body: dict[str, Any] = {"renewalInfo": base}
            if self.path.startswith("/renewal-info/"):
                said.asked.append(self.path.removeprefix("/renewal-info/"))
                body = {"suggestedWindow": said.window, "explanationURL": "https://ca.test/why"}
            self.send_response(said.status)
            self.send_header("Retry-After", said.retry_after)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield said, f"https://{ADDRESS}:{server.server_port}/dir", ca
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
FOUND = Certificate("i", NOW, NOW + timedelta(days=90), frozenset({DOMAIN}), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_renewed_when_the_authority_says(information: tuple[Information, str, Path]) -> None:
    """At one point of its window. It is asked again when it said: a new window counts, the old one changes nothing."""
    said, directory, ca = information
    plan = renewal.planned(FOUND, None, directory, ca, NOW)
    assert NOW + 10 * HOUR <= plan.renew_at <= NOW + 20 * HOUR and plan.ask_at == NOW + HOUR
    assert said.asked == [FOUND.ari_id]
    assert renewal.planned(FOUND, plan, directory, ca, NOW + HOUR / 2) is plan and len(said.asked) == 1
    said.retry_after = "Tue, 24 Nov 2026 09:00:00 GMT"
    again = renewal.planned(FOUND, plan, directory, ca, NOW + HOUR)
    assert (again.renew_at, again.ask_at) == (plan.renew_at, NOW + 9 * HOUR)
    said.window = {"start": stamp(NOW - 2 * HOUR), "end": stamp(NOW - HOUR)}
    assert renewal.planned(FOUND, again, directory, ca, NOW + 9 * HOUR).renew_at < NOW, "at once: it is to be revoked"


def test_points_are_anywhere_in_the_window(information: tuple[Information, str, Path]) -> None:
    _, directory, ca = information
    points = {renewal.planned(FOUND, None, directory, ca, NOW).renew_at for _ in range(8)}
    assert len(points) == 8


@pytest.mark.parametrize(
    "window",
    [
        {"start": stamp(NOW + 20 * HOUR), "end": stamp(NOW + 10 * HOUR)},
        {"start": stamp(FOUND.not_after), "end": stamp(FOUND.not_after + HOUR)},
        {"start": "2026-11-24T00:00:00", "end": "2026-11-25T00:00:00"},
        {"start": "soon"},
    ],
)
def test_a_window_that_makes_no_sense_is_none(
    information: tuple[Information, str, Path], window: dict[str, str]
) -> None:
    said, directory, ca = information
    said.window = window
    assert renewal.planned(FOUND, None, directory, ca, NOW).renew_at == FOUND.two_thirds


def test_an_authority_that_cannot_be_asked_changes_no_plan(information: tuple[Information, str, Path]) -> None:
    said, directory, ca = information
    plan = renewal.planned(FOUND, None, directory, ca, NOW)
    said.status = 503
    later = renewal.planned(FOUND, plan, directory, ca, NOW + HOUR)
    assert (later.renew_at, later.window, later.ask_at) == (plan.renew_at, plan.window, NOW + 7 * HOUR)
    assert renewal.planned(FOUND, None, directory, ca, NOW).renew_at == FOUND.two_thirds
    said.status = 200
    with pytest.raises(ari.Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        ari.ask(directory, "x.y", certbot.SYSTEM_ROOTS, NOW)
    with pytest.raises(ari.Unavailable, match="not https"):
        ari.ask(directory.replace("https:", "http:"), "x.y", ca, NOW)


def test_pebbles_certificates_have_a_name_for_such_questions(droplet: Droplet) -> None:
    """As pebble 2.4.0 has no renewal information, this is all of it that can be held against it."""
    droplet.authority(timedelta(days=90))
    droplet.ensure()
    found = droplet.found()
    own = cryptography_x509.load_pem_x509_certificate((pair.lineage(droplet.deployment) / "cert.pem").read_bytes())
    key = own.extensions.get_extension_for_class(cryptography_x509.AuthorityKeyIdentifier).value.key_identifier
    assert key is not None and found.ari_id is not None
    issuer, serial = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in found.ari_id.split("."))
    assert (issuer, int.from_bytes(serial, "big", signed=True)) == (key, own.serial_number)
    plan = renewal.recall().plan
    assert plan is not None and (plan.window, plan.renew_at) == (None, found.two_thirds)

"""Each service as its own clients see it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509

from localcloud.host.files import write_atomically
from localcloud.host.home import LocalCloudError
from localcloud.services import acme, mail, registry, spaces
from localcloud.services.dns import service as dns_service
from localcloud.services.supervisor import Supervisor
from localcloud.stand_ins import build as standins
from tests.contract.services.conftest import ADDRESS, Running, free_ports
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not (shutil.which("pebble") and shutil.which("docker-registry") and shutil.which("skopeo")),
    reason="pebble, docker-registry and skopeo are not installed: run `make setup` as root",
)


def test_every_socket_is_on_the_service_address_alone(running: Running) -> None:
    pids = {str(pid) for pid in running.pids().values()}
    lines = subprocess.run(["ss", "-Hltunp"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [line.split()[4] for line in lines if set(re.findall(r"pid=(\d+)", line)) & pids]
    assert len(ours) >= 8
    assert {listening.rpartition(":")[0] for listening in ours} == {ADDRESS}


def test_no_secret_stands_in_a_process_list(running: Running) -> None:
    secrets = spaces.credentials(running.home).secret_key, mail.credentials(running.home).password
    for pid in running.pids().values():
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert not any(secret in command for secret in secrets)
    for name in ("spaces", "mail"):
        assert (running.home / name / "credentials.json").stat().st_mode & 0o777 == 0o600


# --- DNS


def ask(port: int, name: str, kind: str, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return (dns.query.tcp if tcp else dns.query.udp)(query, ADDRESS, port=port, timeout=5)


@pytest.mark.parametrize("tcp", [False, True])
def test_dns_answers_for_records_as_they_are_written(running: Running, tcp: bool) -> None:
    for address in ("203.0.113.7", "203.0.113.8"):
        records = {"example.com": [{"type": "A", "name": "@", "data": address, "ttl": 60}]}
        write_atomically(running.home / "dns" / "records.json", json.dumps(records))
        answer = ask(running.ports.dns, "example.com", "A", tcp=tcp)
        assert [str(item) for rrset in answer.answer for item in rrset] == [address]
        assert answer.flags & dns.flags.AA


def test_dns_cuts_what_does_not_fit_and_gives_it_over_tcp(running: Running) -> None:
    texts = [{"type": "TXT", "name": "many", "data": f"{number:03} " + "x" * 200, "ttl": 60} for number in range(9)]
    write_atomically(running.home / "dns" / "records.json", json.dumps({"example.com": texts}))
    assert ask(running.ports.dns, "many.example.com", "TXT").flags & dns.flags.TC
    assert len(ask(running.ports.dns, "many.example.com", "TXT", tcp=True).answer[0]) == 9


class Upstream:
    """A resolver that notes what it is asked. It cannot have port 53, so the test's forwarder is told its address."""

    def __init__(self) -> None:
        self.asked: list[str] = []


@pytest.fixture
def forwarder(tmp_path: Path) -> Iterator[tuple[int, Upstream]]:
    """Our DNS with an upstream on another loopback address; needs port 53 there, so root."""
    if os.geteuid() != 0:
        pytest.skip("needs port 53 of a loopback address: root")
    upstream, ended = Upstream(), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.53.53.1", 53))
        server.settimeout(0.1)

        def serve() -> None:
            while not ended.is_set():
                try:
                    data, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                query = dns.message.from_wire(data)
                name = query.question[0].name.to_text()
                upstream.asked.append(name)
                reply = dns.message.make_response(query)
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "203.0.113.200"))
                server.sendto(reply.to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        (port,) = free_ports(1)
        described = dns_service(tmp_path, ADDRESS, port)
        argv = (*described.argv, "--upstream", "127.53.53.1")
        supervisor = Supervisor([dataclasses.replace(described, argv=argv)], tmp_path / "run")
        supervisor.start()
        yield port, upstream
        supervisor.stop()
        ended.set()
        thread.join()


def test_dns_forwards_what_is_not_ours_and_nothing_else(forwarder: tuple[int, Upstream], tmp_path: Path) -> None:
    port, upstream = forwarder
    write_atomically(tmp_path / "dns" / "records.json", json.dumps({"example.com": []}))
    assert str(ask(port, "elsewhere.net", "A").answer[0][0]) == "203.0.113.200"
    assert ask(port, "missing.example.com", "A").rcode() == dns.rcode.NXDOMAIN
    assert ask(port, "unowned.test", "A").rcode() == dns.rcode.NXDOMAIN
    assert upstream.asked == ["elsewhere.net."]


# --- ACME


def directory(running: Running) -> dict[str, str]:
    context = ssl.create_default_context(cafile=str(acme.Files(running.home / "acme").ca))
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({}))
    with opener.open(f"https://{ADDRESS}:{running.ports.acme}/dir", timeout=5) as answer:
        return dict(json.load(answer))


@pytest.mark.parametrize(("given", "days"), [({}, 90), ({acme.VARIABLE: ""}, 90), ({acme.VARIABLE: "6"}, 6)])
def test_how_long_certificates_last_is_said_at_the_start(given: dict[str, str], days: int, tmp_path: Path) -> None:
    lifetime = acme.lifetime(given)
    ports = {"port": 1, "management_port": 2, "dns_port": 3, "http_port": 4, "tls_port": 5}
    acme.service(tmp_path, ADDRESS, **ports, lifetime=lifetime)
    config = json.loads(acme.Files(tmp_path / "acme").config.read_text())
    assert config["pebble"]["certificateValidityPeriod"] == days * 24 * 3600


@pytest.mark.parametrize("days", ["0", "six", "-6", "398"])
def test_days_that_are_none_are_refused(days: str) -> None:
    with pytest.raises(LocalCloudError, match=f"{acme.VARIABLE}={days}: a number of days") as failure:
        acme.lifetime({acme.VARIABLE: days})
    assert failure.value.code == 2


def test_acme_is_trusted_by_our_ca_and_keeps_every_root(running: Running) -> None:
    assert f":{running.ports.acme}/" in directory(running)["newOrder"]
    roots = acme.Files(running.home / "acme").roots
    before = x509.load_pem_x509_certificates(roots.read_bytes())
    os.kill(running.pids()["acme"], signal.SIGKILL)
    until(lambda: len(x509.load_pem_x509_certificates(roots.read_bytes())) == len(before) + 2)
    after = x509.load_pem_x509_certificates(roots.read_bytes())
    assert after[: len(before)] == before
    assert all(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for certificate in after)


# --- Spaces


def s3(running: Running, secret: str | None = None) -> Any:
    keys = spaces.credentials(running.home)
    return boto3.client(
        "s3",
        endpoint_url=f"http://{ADDRESS}:{running.ports.spaces}",
        region_name="nyc3",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=secret or keys.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
    )


def test_spaces_keeps_versions_and_parts_across_a_crash(running: Running) -> None:
    client = s3(running)
    client.create_bucket(Bucket="backups")
    client.put_bucket_versioning(Bucket="backups", VersioningConfiguration={"Status": "Enabled"})
    part = os.urandom(5 << 20)
    upload = client.create_multipart_upload(Bucket="backups", Key="big")["UploadId"]
    place = {"Bucket": "backups", "Key": "big", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, part), (2, b"end"))
    ]
    client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    for body in (b"one", b"two"):
        client.put_object(Bucket="backups", Key="small", Body=body)

    before = running.pids()["spaces"]
    os.kill(before, signal.SIGKILL)
    until(lambda: running.pids()["spaces"] != before)
    until(lambda: answers(client))

    assert client.get_object(Bucket="backups", Key="big")["Body"].read() == part + b"end"
    versions = client.list_object_versions(Bucket="backups", Prefix="small")["Versions"]
    bodies = [
        client.get_object(Bucket="backups", Key="small", VersionId=v["VersionId"])["Body"].read() for v in versions
    ]
    assert sorted(bodies) == [b"one", b"two"]


def answers(client: Any) -> bool:
    try:
        client.list_buckets()
    except Exception:
        return False
    return True


def test_spaces_refuses_a_wrong_key_and_a_missing_bucket(running: Running) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3(running, secret="wrong").list_buckets()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3(running).put_object(Bucket="missing", Key="key", Body=b"")


# --- the registry


def skopeo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["skopeo", "--insecure-policy", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    """The smallest OCI image: a configuration and no layer."""

    def blob(content: dict[str, Any], kind: str) -> dict[str, Any]:
        raw = json.dumps(content).encode()
        digest = hashlib.sha256(raw).hexdigest()
        target = tmp_path / "oci" / "blobs" / "sha256" / digest
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)
        return {
            "mediaType": f"application/vnd.oci.image.{kind}.v1+json",
            "digest": f"sha256:{digest}",
            "size": len(raw),
        }

    config = blob({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}, "config")
    manifest = blob({"schemaVersion": 2, "config": config, "layers": []}, "manifest")
    index = {"schemaVersion": 2, "manifests": [{**manifest, "annotations": {"org.opencontainers.image.ref.name": "t"}}]}
    (tmp_path / "oci" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "oci" / "index.json").write_text(json.dumps(index))
    return f"oci:{tmp_path / 'oci'}:t"


def test_the_registry_serves_what_the_cache_holds_and_takes_nothing_from_guests(
    running: Running, layout: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    filler = Supervisor(
        [registry.service(tmp_path, running.cache, ADDRESS, port=port, read_only=False)], tmp_path / "run"
    )
    filler.start()
    pushed = skopeo("copy", "--dest-tls-verify=false", layout, f"docker://{ADDRESS}:{port}/library/postgres:17")
    filler.stop()
    assert pushed.returncode == 0, pushed.stderr
    served = f"docker://{ADDRESS}:{running.ports.registry}/library"
    assert skopeo("inspect", "--tls-verify=false", "--raw", f"{served}/postgres:17").returncode == 0
    assert skopeo("copy", "--dest-tls-verify=false", layout, f"{served}/evil:1").returncode != 0


def test_images_that_are_there_are_neither_copied_nor_built_again(layout: str, tmp_path: Path) -> None:
    image, said = standins.Image("nginx", ("nginx:1.30", "nginx:stable")), list[str]()
    (port,) = free_ports(1)
    filler = Supervisor([registry.service(tmp_path, tmp_path, ADDRESS, port=port, read_only=False)], tmp_path / "run")
    filler.start()
    for name in image.names:
        assert (
            skopeo("copy", "--dest-tls-verify=false", layout, f"docker://{ADDRESS}:{port}/library/{name}").returncode
            == 0
        )
    filler.stop()
    assert standins.ensure_images(tmp_path, said.append, [image]) == dict.fromkeys(image.names, "official")
    assert said == []
    assert not (tmp_path / "work").exists()

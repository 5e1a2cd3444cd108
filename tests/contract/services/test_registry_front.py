"""What guests pull container images from, as a client that others wrote meets it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from localcloud.daemon import Listener
from localcloud.services import registry, registry_front
from localcloud.services.supervisor import Supervisor
from localcloud.state.faults import Fault, Faults
from tests.contract.services.conftest import ADDRESS, Running, free_ports
from tests.contract.services.test_services import layout, skopeo

pytestmark = pytest.mark.skipif(
    not (shutil.which("pebble") and shutil.which("docker-registry") and shutil.which("skopeo")),
    reason="pebble, docker-registry and skopeo are not installed: run `make setup` as root",
)
__all__ = ["layout"]
NAME = "library/front:1"


@dataclass(frozen=True)
class Fronts:
    mirror: str
    private: str
    known: registry_front.Credentials
    faults: Faults


@pytest.fixture
def fronts(running: Running, layout: str, tmp_path: Path) -> Iterator[Fronts]:
    """Over a registry that holds one image."""
    (port,) = free_ports(1)
    cache = running.cache
    filler = Supervisor([registry.service(tmp_path, cache, ADDRESS, port=port, read_only=False)], tmp_path / "run")
    filler.start()
    pushed = skopeo("copy", "--dest-tls-verify=false", layout, f"docker://{ADDRESS}:{port}/{NAME}")
    filler.stop()
    assert pushed.returncode == 0, pushed.stderr
    behind, known, faults = f"http://{ADDRESS}:{running.ports.registry}", registry_front.credentials(tmp_path), Faults()
    mirror = Listener(registry_front.mirror(behind, faults), ADDRESS, 0)
    private = Listener(registry_front.private(behind, known), ADDRESS, 0)
    try:
        yield Fronts(f"{ADDRESS}:{mirror.port}", f"{ADDRESS}:{private.port}", known, faults)
    finally:
        mirror.stop()
        private.stop()


def pull(host: str, to: Path, *options: str) -> tuple[int, str]:
    done = skopeo("copy", "--src-tls-verify=false", *options, f"docker://{host}/{NAME}", f"dir:{to}")
    return done.returncode, done.stderr


def test_anybody_pulls_until_the_limit_is_reached_which_is_said_as_docker_hub_says_it(
    fronts: Fronts, tmp_path: Path
) -> None:
    code, said = pull(fronts.mirror, tmp_path / "one")
    assert code == 0 and len(list((tmp_path / "one").iterdir())) == 3, said
    fronts.faults.add(Fault(kind="registry-limit", count=None))
    refused = httpx.get(f"http://{fronts.mirror}/v2/library/front/manifests/1", trust_env=False)
    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    assert error["code"] == "TOOMANYREQUESTS" and "pull rate limit" in error["message"]
    assert httpx.get(f"http://{fronts.mirror}/v2/", trust_env=False).status_code == 200, "pulls only"
    fronts.faults.clear()
    assert pull(fronts.mirror, tmp_path / "two")[0] == 0


def test_what_is_there_is_told_without_sending_it(fronts: Fronts) -> None:
    """As Docker asks before it pulls; mirrors are told whose name it is."""
    url = f"http://{fronts.mirror}/v2/library/front/manifests/1?ns=docker.io"
    accept = {"accept": "application/vnd.oci.image.manifest.v1+json"}
    whole, told = (httpx.request(method, url, headers=accept, trust_env=False) for method in ("GET", "HEAD"))
    assert (whole.status_code, told.status_code, told.content) == (200, 200, b"")
    for header in ("docker-content-digest", "content-type", "content-length"):
        assert told.headers[header] == whole.headers[header], header
    assert int(told.headers["content-length"]) == len(whole.content)
    layer = httpx.get(f"http://{fronts.mirror}/v2/library/front/blobs/sha256:{'0' * 64}", trust_env=False)
    assert layer.status_code == 307 and not layer.headers["location"].startswith(f"http://{fronts.mirror}")


def test_the_private_one_asks_who_pulls_and_counts_nobody(fronts: Fronts, tmp_path: Path) -> None:
    fronts.faults.add(Fault(kind="registry-limit", count=None))
    for given in ((), ("--src-creds", f"{fronts.known.user}:wrong")):
        code, said = pull(fronts.private, tmp_path / "refused", *given)
        assert code != 0 and "unauthorized" in said, said
    challenge = httpx.get(f"http://{fronts.private}/v2/", trust_env=False)
    assert challenge.status_code == 401 and challenge.headers["www-authenticate"].startswith("Basic realm=")
    for odd in ("Basic", "Basic ?", "Bearer x", "Basic Og=="):
        asked = httpx.get(f"http://{fronts.private}/v2/", headers={"authorization": odd}, trust_env=False)
        assert asked.status_code == 401
    login = f"{fronts.known.user}:{fronts.known.password}"
    assert pull(fronts.private, tmp_path / "pulled", "--src-creds", login)[0] == 0


def test_nobody_pushes(fronts: Fronts, layout: str) -> None:
    login = f"{fronts.known.user}:{fronts.known.password}"
    for host, creds in ((fronts.mirror, ()), (fronts.private, ("--dest-creds", login))):
        pushed = skopeo("copy", "--dest-tls-verify=false", *creds, layout, f"docker://{host}/library/evil:1")
        assert pushed.returncode != 0
        assert httpx.post(f"http://{host}/v2/library/evil/blobs/uploads/", trust_env=False).status_code == 405


def test_the_image_of_another_name_is_not_there(fronts: Fronts) -> None:
    answer = httpx.get(f"http://{fronts.mirror}/v2/library/nothing/manifests/1", trust_env=False)
    assert answer.status_code == 404 and answer.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"

"""Spaces: SeaweedFS, a real S3 server. Its access key is made once; everything it holds lies in HOME/spaces/data."""

from __future__ import annotations

import http.client
import json
import secrets
import string
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.host.claims import can_listen
from localcloud.host.files import chosen_once, write_atomically
from localcloud.services.supervisor import Service

# A soft limit that Go's collector keeps to: the server took 125 MB idle.
MEMORY_LIMIT = "512MiB"
# The program hard-codes /tmp for the sockets between its own parts, named by port: two clouds on one computer must
# therefore differ in their inner ports, though each has an address of its own. Below the kernel's ephemeral range,
# also the admin's gRPC port, which is always 10000 above.
INNER_PORTS_START, INNER_PORTS_STEP, INNER_PORTS_SLOTS = 12000, 10, 1000
GRPC_PARTS = ("master", "volume", "filer", "s3", "admin")


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str


def credentials(home: Path) -> Credentials:
    """The key pair, made at the first call."""
    path = home / "spaces" / "credentials.json"
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    alphabet = string.ascii_uppercase + string.digits
    made = Credentials("DO00" + "".join(secrets.choice(alphabet) for _ in range(16)), secrets.token_urlsafe(32))
    write_atomically(path, json.dumps(asdict(made)))
    return made


def inner_ports(home: Path, is_free: Callable[[int], bool] = can_listen) -> dict[str, int]:
    """The home's usual ones, or the next that nobody has. The same for ever: the data know the servers by them."""
    usual = zlib.crc32(str(home.resolve()).encode())
    slots = ((usual + step) % INNER_PORTS_SLOTS for step in range(INNER_PORTS_SLOTS))
    file = home / "spaces" / "inner-ports"
    return _ports_of(chosen_once(file, slots, lambda slot: all(map(is_free, _ports_of(slot).values()))))


def _ports_of(slot: int) -> dict[str, int]:
    start = INNER_PORTS_START + slot * INNER_PORTS_STEP
    names = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3.grpc", "admin")
    ports = {name: start + place for place, name in enumerate(names)}
    return {**ports, "admin.grpc": ports["admin"] + 10000}


def _argv(home: Path, address: str, port: int) -> tuple[str, ...]:
    folder, inner = home / "spaces", inner_ports(home)
    return (
        str(Path(sys.executable).with_name("weed")),
        "mini",
        f"-dir={folder / 'data'}",
        f"-ip={address}",
        f"-ip.bind={address}",
        f"-s3.port={port}",
        f"-s3.port.grpc={inner['s3.grpc']}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",  # at DigitalOcean an upload to a missing bucket fails
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-master.port={inner['master']}",
        f"-master.port.grpc={inner['master.grpc']}",
        "-master.telemetry=false",
        # each bucket takes several; by default a disk that is half full leaves room for a dozen buckets
        "-volume.max=2000",
        f"-volume.port={inner['volume']}",
        f"-volume.port.grpc={inner['volume.grpc']}",
        f"-filer.port={inner['filer']}",
        f"-filer.port.grpc={inner['filer.grpc']}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-admin.port={inner['admin']}",
        "-admin.ui=false",
        "-webdav=false",
    )


def _answers(address: str, port: int) -> bool:
    """True when the server refuses a nameless visitor: then the access key is in force."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"http://{address}:{port}/", timeout=1).close()
    except urllib.error.HTTPError as error:
        return error.code == 403
    except (OSError, http.client.HTTPException):
        return False
    return False


def service(home: Path, address: str, *, port: int) -> Service:
    (home / "spaces" / "data").mkdir(parents=True, exist_ok=True)
    keys, inner = credentials(home), inner_ports(home)
    return Service(
        name="spaces",
        argv=_argv(home, address, port),
        env={
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "GOMEMLIMIT": MEMORY_LIMIT,
        },
        log=home / "log" / "spaces.log",
        ready=lambda: _answers(address, port),
        deadline_s=60,
        litter=tuple(Path(f"/tmp/seaweedfs-{part}-grpc-{inner[f'{part}.grpc']}.sock") for part in GRPC_PARTS),  # noqa: S108
    )

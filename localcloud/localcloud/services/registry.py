"""The container registry that guests use as a mirror of Docker Hub: Debian's docker-registry over CACHE/registry.

Guests only read: what is in the cache is shared by every cloud on this computer, so the one who fills it is
`stand_ins/build.py`, through a writable registry of its own on loopback.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from pathlib import Path

from localcloud.host.files import write_atomically
from localcloud.services.supervisor import Service


def _config(storage: Path, address: str, port: int, *, read_only: bool) -> str:
    # JSON is YAML, and docker-registry reads YAML
    maintenance = {"uploadpurging": {"enabled": False}, "readonly": {"enabled": read_only}}
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "maintenance": maintenance},
        "http": {"addr": f"{address}:{port}"},
    }
    return json.dumps(config, indent=2) + "\n"


def _answers(address: str, port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{port}/v2/", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def service(home: Path, cache: Path, address: str, *, port: int, read_only: bool = True) -> Service:
    storage, config = cache / "registry", home / "registry" / "config.yml"
    storage.mkdir(parents=True, exist_ok=True)
    write_atomically(config, _config(storage, address, port, read_only=read_only))
    return Service(
        name="registry",
        argv=("docker-registry", "serve", str(config)),
        env={"OTEL_TRACES_EXPORTER": "none"},
        log=home / "log" / "registry.log",
        ready=lambda: _answers(address, port),
    )

"""What stands behind nginx: the services' own ports through an SSH tunnel, and commands in their containers."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import stamina

from tests.rehearsal.conftest import Answer, Bootstrap, Site

PORTS = {
    "auth-service": 8000,
    "ticket-service": 8000,
    "workflow-api": 8000,
    "messaging-service": 8001,
    "notification-service": 8001,
}


@dataclass(frozen=True)
class Inside:
    bootstrap: Bootstrap
    site: Site
    containers: Mapping[str, Any]
    urls: Mapping[str, str]

    def document(self, service: str) -> dict[str, Any]:
        """Its OpenAPI document, which nginx shows to nobody."""
        found: dict[str, Any] = httpx.get(f"{self.urls[service]}/openapi.json", trust_env=False, timeout=30).json()
        return found

    def python(self, service: str, code: str, said: Any) -> Any:
        """Runs in the service's container, with its settings: takes JSON from stdin, gives JSON."""
        setup = "import django, json, sys; django.setup(); said = json.load(sys.stdin)\n"
        return self._within(service, "python", "-c", setup + code, stdin=json.dumps(said)).json()

    def queues(self) -> dict[str, int]:
        """Queue → messages that it holds, or that its consumers have not finished."""
        told = self._within("rabbitmq", "rabbitmqctl", "list_queues", "--formatter=json", "name", "messages").json()
        return {queue["name"]: queue["messages"] for queue in told}

    def _within(self, service: str, *argv: str, stdin: str = "") -> Answer:
        docker = ["docker", "exec", "-i", self.containers[service]["Id"], *argv]
        return self.bootstrap("ssh", self.site.domain, shlex.join(docker), stdin=stdin, unlogged=True)


@contextmanager
def inside(bootstrap: Bootstrap, site: Site) -> Iterator[Inside]:
    told = bootstrap("ssh", site.domain, "docker inspect $(docker ps -q)", unlogged=True).json()
    containers = {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in told}
    local = {service: _free_port() for service in PORTS}
    forwards = [f"127.0.0.1:{local[name]}:{_address(containers[name])}:{port}" for name, port in PORTS.items()]
    with _tunnel(bootstrap, site, forwards):
        urls = {service: f"http://localhost:{port}" for service, port in local.items()}
        for url in urls.values():
            for attempt in stamina.retry_context(on=httpx.TransportError, attempts=None, timeout=30, wait_max=0.5):
                with attempt:
                    httpx.get(f"{url}/health/", trust_env=False, timeout=10).raise_for_status()
        yield Inside(bootstrap, site, containers, urls)


@contextmanager
def _tunnel(bootstrap: Bootstrap, site: Site, forwards: list[str]) -> Iterator[None]:
    blob = bootstrap("ssh", site.domain, "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub").out.split()
    with tempfile.NamedTemporaryFile("w", prefix="known_hosts-") as pinned:
        pinned.write(f"{site.address} {blob[0]} {blob[1]}\n")
        pinned.flush()
        options = {
            "IdentityFile": bootstrap.work / "ssh" / "digitalocean",
            "UserKnownHostsFile": pinned.name,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ExitOnForwardFailure": "yes",
        }
        argv = ["ssh", "-F", "/dev/null", "-N", *(f"-o{name}={value}" for name, value in options.items())]
        argv += [part for forward in forwards for part in ("-L", forward)]
        process = subprocess.Popen([*argv, f"deploy@{site.address}"], stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _free_port() -> int:
    """Free at this moment: ssh forwards from no port of its own choice."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _address(container: Mapping[str, Any]) -> str:
    """Any of its networks will do: the droplet is a member of all."""
    return next(str(network["IPAddress"]) for network in container["NetworkSettings"]["Networks"].values())

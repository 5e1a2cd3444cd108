"""`bootstrap tunnel`: a port of the droplet, or of a container there, on this computer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.deployment import compose, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, UsageError
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers

LOOPBACK = "127.0.0.1"
_INSPECT = ("sudo", "-n", "docker", "inspect", "--format")
_ADDRESSES = "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}"


@dataclass(frozen=True)
class Way:
    """`service` is None for the droplet's own 127.0.0.1."""

    local: int
    service: str | None
    port: int

    @property
    def goal(self) -> str:
        return f"port {self.port} of {self.service or 'the droplet'}"


def parse(text: str) -> Way:
    """`[LOCAL:][SERVICE:]PORT`; UsageError says what is wrong with it."""
    *before, last = text.split(":")
    port = _port(last, text)
    match before:
        case []:
            return Way(port, None, port)
        case [word] if word.isdigit():
            return Way(_port(word, text), None, port)
        case [service] if service:
            return Way(port, service, port)
        case [local, service] if service:
            return Way(_port(local, text), service, port)
    raise _wrong(text)


def dig(env: Environment, way: Way, ready: Callable[[], None]) -> int:
    """Until it is interrupted; returns the exit code of a tunnel that ended by itself."""
    with remote.live(env) as host:
        address = _address(host, way.service) if way.service else LOOPBACK
        return host.tunnel(way.local, address, way.port, ready)


def _address(host: Host, service: str) -> str:
    """Of a container of the service, in any of its networks: the droplet is in all of them."""
    release = remote.agent(host, answers.INFO).release
    containers = host.run(compose.argv(release, "ps", "--quiet", service)).stdout.split()
    if not containers:
        raise HostError(f"service {service} does not run", "bootstrap status")
    addresses = host.run([*_INSPECT, _ADDRESSES, containers[0]]).stdout.split()
    if not addresses:
        raise HostError(f"service {service} is in no network of its own", "name the port without the service")
    return addresses[0]


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise _wrong(whole)
    return int(text)


def _wrong(text: str) -> UsageError:
    return UsageError(f"{text!r} is no [LOCAL:][SERVICE:]PORT", "such as 15672, db:5432 or 8080:nginx:80")

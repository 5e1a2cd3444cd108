"""A Compose file as `stack check` looks at it: short and long forms read alike. Pure; lenient, as it reads anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any

from bootstrap_agent.contract.stack import XBootstrap

_DATABASES = "postgres postgis timescaledb pgvector mysql mariadb percona mongo couchdb influxdb cassandra neo4j"
_BROKERS = "rabbitmq redis valkey memcached kafka nats mosquitto emqx"
_LOOPBACK = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class Port:
    """`published` is empty where Docker chooses one."""

    address: str
    published: str
    target: str

    @property
    def public(self) -> bool:
        return not self.address.startswith(_LOOPBACK)


@dataclass(frozen=True)
class Mount:
    """`source` of a bind is a path; of a volume its name, empty where Docker makes one up."""

    kind: str
    source: str
    target: str
    read_only: bool

    @property
    def is_bind(self) -> bool:
        return self.kind == "bind"


@dataclass(frozen=True)
class ServiceView:
    name: str
    body: Mapping[str, Any]
    folder: Path

    @property
    def where(self) -> str:
        return f"services.{self.name}"

    @property
    def image(self) -> str:
        return str(self.body.get("image", ""))

    @property
    def built(self) -> bool:
        return "build" in self.body

    @property
    def long_running(self) -> bool:
        """What has a profile is a job, or is never started."""
        return not self.body.get("profiles")

    @cached_property
    def kind(self) -> str:
        """database, broker or nothing, by the image's name."""
        product = self.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
        if product in _DATABASES.split():
            return "database"
        return "broker" if product in _BROKERS.split() else ""

    @property
    def ports(self) -> list[Port]:
        return [_port(entry) for entry in sequence(self.body.get("ports"))]

    @property
    def mounts(self) -> list[Mount]:
        return [_mount(entry) for entry in sequence(self.body.get("volumes"))]

    def variables(self) -> Iterator[tuple[str, str, str]]:
        """Where, name, value: of the environment, and of what a build is given, which stays in the image."""
        for name, value in _pairs(self.body.get("environment")).items():
            yield f"{self.where}.environment", name, value
        for name, value in _pairs(mapping(self.body.get("build")).get("args")).items():
            yield f"{self.where}.build.args", name, value

    @cached_property
    def dockerfile(self) -> str:
        """Empty when nothing is built here, or its file is elsewhere."""
        build = self.body.get("build")
        if not build:
            return ""
        entry = {"context": build} if isinstance(build, str) else mapping(build)
        path = self.folder / str(entry.get("context", ".")) / str(entry.get("dockerfile", "Dockerfile"))
        return path.read_text(errors="replace") if path.is_file() else ""


@dataclass(frozen=True)
class StackView:
    """`field` is None when it is missing or wrong: then nothing is said about what it should name. `base` is the
    folder of the first Compose file, below the stack's: what paths are relative to."""

    folder: Path
    document: Mapping[str, Any]
    field: XBootstrap | None
    template: Mapping[str, str]
    base: Path = Path()

    def place(self, source: str) -> str:
        """A path of the Compose file, absolute or from the stack's folder on."""
        return normpath(source if source.startswith(("/", "~")) else str(self.base / source))

    @cached_property
    def services(self) -> tuple[ServiceView, ...]:
        bodies = mapping(self.document.get("services"))
        return tuple(ServiceView(name, mapping(body), self.folder / self.base) for name, body in bodies.items())

    @property
    def volumes(self) -> dict[str, Mapping[str, Any]]:
        return {name: mapping(body) for name, body in mapping(self.document.get("volumes")).items()}

    def users_of(self, volume: str) -> list[tuple[ServiceView, Mount]]:
        return [(s, m) for s in self.services for m in s.mounts if not m.is_bind and m.source == volume]


def _port(entry: Any) -> Port:
    if isinstance(entry, Mapping):
        return Port(str(entry.get("host_ip", "")), str(entry.get("published", "")), str(entry.get("target", "")))
    text = str(entry).partition("/")[0]
    # a variable's default holds a colon too
    parts = re.split(r":(?![^{\[]*[}\]])", text)
    address, published, target = ["", "", *parts][-3:]
    return Port(address.strip("[]"), published, target)


def _mount(entry: Any) -> Mount:
    if isinstance(entry, Mapping):
        source, target = str(entry.get("source", "")), str(entry.get("target", ""))
        return Mount(str(entry.get("type", "volume")), source, target, bool(entry.get("read_only")))
    parts = str(entry).split(":")
    if len(parts) == 1:
        return Mount("volume", "", parts[0], read_only=False)
    kind = "bind" if parts[0].startswith((".", "/", "~")) else "volume"
    return Mount(kind, parts[0], parts[1], read_only="ro" in ",".join(parts[2:]).split(","))


def _pairs(value: Any) -> dict[str, str]:
    """A list's entry without `=` takes its value from the environment."""
    if isinstance(value, Mapping):
        return {str(name): "" if text is None else str(text) for name, text in value.items()}
    return {name: text for name, _, text in (str(entry).partition("=") for entry in sequence(value))}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def inside_the_stack(place: str) -> bool:
    return not place.startswith(("/", "~")) and place.partition("/")[0] != ".."

"""A Compose file as `stack check` looks at it: short and long forms read alike. Pure; lenient, as it reads anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any

from bootstrap.stack import products
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.stack import XBootstrap

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
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

    @property
    def numbers(self) -> range:
        """The published ones: `443-444` is two."""
        found = _RANGE.fullmatch(self.published)
        return range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)


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
    # what the example says of the variables in it
    values: Mapping[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        return filled(text, self.values)

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
        return not self.profiles

    @property
    def profiles(self) -> list[str]:
        return [str(name) for name in sequence(self.body.get("profiles"))]

    @cached_property
    def product(self) -> str:
        return products.product_of(self.filled(self.image))

    @property
    def kind(self) -> str:
        """database, broker or nothing, by the image's name."""
        if self.product in products.DATABASES:
            return "database"
        return "broker" if self.product in products.BROKERS else ""

    @property
    def ports(self) -> list[Port]:
        return [_port(entry, self.filled) for entry in sequence(self.body.get("ports"))]

    @property
    def mounts(self) -> list[Mount]:
        return [_mount(entry, self.filled) for entry in sequence(self.body.get("volumes"))]

    @property
    def image_volume(self) -> str | None:
        """Where the image keeps what must last; None when it keeps nothing, or nobody knows."""
        command = self.body.get("entrypoint") or self.body.get("command") or ""
        words = command if isinstance(command, list) else str(command).split()
        return products.volume_of(self.filled(self.image)) if products.is_server(str([*words, ""][0])) else None

    @property
    def data_folder(self) -> str | None:
        """In that volume, or where a PostgreSQL was told to have it."""
        told = _pairs(self.body.get("environment")).get("PGDATA") if self.product in products.POSTGRES else None
        return self.filled(told) if told else products.default_folder(self.filled(self.image))

    @property
    def data_mounts(self) -> list[Mount]:
        """What is written there is a database."""
        return [mount for mount in self.mounts if not mount.read_only and self._is_data(normpath(mount.target))]

    def _is_data(self, target: str) -> bool:
        return target in products.TELLING_FOLDERS or (self.image_volume or "") == target

    @property
    def build(self) -> Mapping[str, Any]:
        build = self.body.get("build")
        return {"context": build} if isinstance(build, str) else mapping(build)

    @property
    def env_files(self) -> list[tuple[str, bool]]:
        """Path and whether it must be there."""
        entries = self.body.get("env_file") or []
        pairs = [
            (entry.get("path"), entry.get("required", True)) if isinstance(entry, Mapping) else (entry, True)
            for entry in (entries if isinstance(entries, list) else [entries])
        ]
        return [(self.filled(str(path)), bool(required)) for path, required in pairs]

    def variables(self) -> Iterator[tuple[str, str, str]]:
        """Where, name, value: of the environment, and of what a build is given, which stays in the image."""
        for name, value in _pairs(self.body.get("environment")).items():
            yield f"{self.where}.environment", name, value
        for name, value in _pairs(mapping(self.body.get("build")).get("args")).items():
            yield f"{self.where}.build.args", name, value

    @cached_property
    def dockerfile(self) -> str:
        """Empty when nothing is built here, or its file is elsewhere."""
        if not self.build:
            return ""
        if inline := self.build.get("dockerfile_inline"):
            return str(inline)
        names = (self.build.get("context") or ".", self.build.get("dockerfile") or "Dockerfile")
        path = self.folder.joinpath(*(self.filled(str(name)) for name in names))
        return path.read_text(errors="replace") if is_file(path) else ""


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

    def inside(self, source: str) -> bool:
        return inside_the_stack(self.place(source))

    def file(self, source: str) -> Path:
        return self.folder / self.base / source

    def fill(self, text: str) -> str:
        return filled(text, self.template)

    @cached_property
    def services(self) -> tuple[ServiceView, ...]:
        bodies = mapping(self.document.get("services"))
        return tuple(
            ServiceView(name, mapping(body), self.folder / self.base, self.template) for name, body in bodies.items()
        )

    @property
    def volumes(self) -> dict[str, Mapping[str, Any]]:
        return {name: mapping(body) for name, body in mapping(self.document.get("volumes")).items()}

    def users_of(self, volume: str) -> list[tuple[ServiceView, Mount]]:
        return [(s, m) for s in self.services for m in s.mounts if not m.is_bind and m.source == volume]


def filled(text: str, values: Mapping[str, str]) -> str:
    """As Compose would fill it in; as it stands there where it would not."""
    try:
        return dotenv.expand(tuple(dotenv.parts(text)), lambda name: values.get(name, ""))
    except dotenv.UnsetError:
        return text


def is_file(path: Path) -> bool:
    """A name may be too long, or hold what no name can."""
    return _asked(path.is_file)


def is_folder(path: Path) -> bool:
    return _asked(path.is_dir)


def exists(path: Path) -> bool:
    return _asked(path.exists)


def _asked(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (OSError, ValueError):
        return False


def _port(entry: Any, fill: Callable[[str], str]) -> Port:
    if isinstance(entry, Mapping):
        names = ("host_ip", "published", "target")
        return Port(*(fill(str(entry.get(name, ""))) for name in names))
    text = fill(str(entry)).partition("/")[0]
    # an address of version 6 holds colons too
    parts = re.split(r":(?![^\[]*\])", text)
    address, published, target = ["", "", *parts][-3:]
    return Port(address.strip("[]"), published, target)


def _mount(entry: Any, fill: Callable[[str], str]) -> Mount:
    if isinstance(entry, Mapping):
        source, target = fill(str(entry.get("source", ""))), fill(str(entry.get("target", "")))
        return Mount(str(entry.get("type", "volume")), source, target, bool(entry.get("read_only")))
    parts = fill(str(entry)).split(":")
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

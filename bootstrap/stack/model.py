"""A stack: a folder with a Compose file whose `x-bootstrap` field says what bootstrap must know beyond Compose.

`load` checks that the field, the Compose file and `.env.production.example` agree, so that a stack which loads can be
baked and started. Nothing here starts anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bootstrap.errors import UsageError

COMPOSE_FILE = "docker-compose.prod.yml"
ENV_EXAMPLE = ".env.production.example"
DATA_ROOT = "/srv/data"
HELP = "see docs/your-own-stack.md"

_NAME = r"^[a-z0-9][a-z0-9_-]*$"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_PLACEHOLDER = re.compile(r"<[^>]*>")
_DOMAIN, _GENERATED = "<domain>", "<generated>"

T = TypeVar("T")


class StackError(UsageError):
    """`where` in the stack's files, and what is wrong there."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}", remedy)
        self.where, self.what = where, what


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reconcile(_Strict):
    """Runs in a healthy data service; idempotent; its secrets come from the container's environment."""

    service: str
    command: tuple[str, ...] = Field(min_length=1)


class Databases(_Strict):
    """`names`: database → the role that owns it; `admin_user`: the variable with the superuser's name."""

    service: str
    names: dict[str, str] = Field(min_length=1)
    admin_user: str


class Certificate(_Strict):
    """`install`: the stack's folder for fullchain.pem and privkey.pem; `reload`: a service, then a command in it."""

    install: str
    reload: tuple[str, ...] = Field(min_length=2)

    @field_validator("install")
    @classmethod
    def _inside_the_stack(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("must be a folder inside the stack")
        return value


class Mail(_Strict):
    """Which variables hold the mail server; a stack without one for TLS or the account does without."""

    host: str
    port: str
    user: str | None = None
    password: str | None = None
    use_tls: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """Entry of the field → variable."""
        return {entry: name for entry, name in self.model_dump().items() if name is not None}


class XBootstrap(_Strict):
    """The field itself; docs/your-own-stack.md explains each entry."""

    name: str = Field(pattern=_NAME)
    directory: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    data_services: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    reconcile: tuple[Reconcile, ...] = ()
    # groups in order; those of one group run side by side
    jobs: tuple[tuple[str, ...], ...] = ()
    databases: Databases | None = None
    media: tuple[str, ...] = ()
    volumes: dict[str, int] = {}
    health: tuple[str, ...] = Field(min_length=1)
    certificate: Certificate | None = None
    secrets: dict[str, int] = {}
    mail: Mail | None = None

    @property
    def job_names(self) -> tuple[str, ...]:
        return tuple(job for group in self.jobs for job in group)

    @field_validator("jobs", mode="before")
    @classmethod
    def _grouped(cls, value: Any) -> Any:
        return [[entry] if isinstance(entry, str) else entry for entry in value] if isinstance(value, list) else value

    @field_validator("health")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [path for path in value if not path.startswith("/")]:
            raise ValueError(f"{wrong[0]!r} must start with /")
        return value

    @field_validator("secrets")
    @classmethod
    def _long_enough(cls, value: dict[str, int]) -> dict[str, int]:
        if short := [name for name, length in value.items() if not 16 <= length <= 1024]:
            raise ValueError(f"{short[0]} must have 16 to 1024 characters")
        return value


class Service(_Strict):
    """A Compose service, as far as baking an image needs it."""

    name: str
    image: str
    built: bool
    profiles: tuple[str, ...] = ()


class Stack(_Strict):
    folder: Path
    bootstrap: XBootstrap
    services: tuple[Service, ...]
    env_template: dict[str, str]

    @property
    def name(self) -> str:
        return self.bootstrap.name

    @property
    def droplet_dir(self) -> str:
        """Where the folder lies on a droplet, as the seed has it."""
        return f"/home/deploy/apps/{self.bootstrap.directory or self.name}/Docker"

    @property
    def pulled_images(self) -> tuple[str, ...]:
        return tuple(sorted({service.image for service in self.services if not service.built}))

    @property
    def built_images(self) -> tuple[str, ...]:
        return tuple(sorted({service.image for service in self.services if service.built}))

    @property
    def secrets_to_generate(self) -> dict[str, int]:
        """Variable → how many letters and digits."""
        return dict(self.bootstrap.secrets)

    @property
    def required_env(self) -> tuple[str, ...]:
        """Variables that the operator must give: their placeholder is neither <domain> nor <generated>."""
        known = {_DOMAIN, _GENERATED}
        return tuple(
            name for name, value in self.env_template.items() if set(_PLACEHOLDER.findall(value)).difference(known)
        )

    def mail_env(self, host: str, port: int, user: str, password: str, tls: bool) -> dict[str, str]:
        """The stack's own variables for a mail server; empty when the stack names none."""
        if self.bootstrap.mail is None:
            return {}
        values = {"host": host, "port": str(port), "user": user, "password": password, "use_tls": str(tls)}
        return {name: values[entry] for entry, name in self.bootstrap.mail.variables.items()}

    def render_env(self, domain: str, generated: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Every variable of `.env.production`; `given` wins over `generated`, which wins over the template."""
        raw = {**self.env_template, **generated, **given}
        templates = {name: value.replace(_DOMAIN, domain) for name, value in raw.items()}
        final = {name for name in raw if name in generated or name in given}
        rendered = {name: _resolve(name, templates, final) for name in templates}
        for name, value in rendered.items():
            if _PLACEHOLDER.search(value):
                raise UsageError(f"{name} still holds the placeholder {value}", f"give {name} in the file of env_file")
            if "\n" in value or "\r" in value or "\0" in value:
                raise UsageError(f"{name} holds a line break", f"give {name} as one line")
        return rendered


@dataclass(frozen=True)
class Examined:
    """As much of a stack's folder as could be read; `stack` is there when nothing is `wrong`."""

    document: dict[str, Any]
    field: XBootstrap | None
    template: dict[str, str]
    stack: Stack | None
    wrong: tuple[StackError, ...]


def load(folder: Path) -> Stack:
    """UsageError with the first thing that is wrong."""
    found = examine(folder)
    if found.stack is None:
        raise UsageError(f"{folder}: {found.wrong[0].message}", found.wrong[0].remedy)
    return found.stack


def examine(folder: Path) -> Examined:
    """All that is wrong, as far as one mistake does not hide another."""
    wrong: list[StackError] = []

    def read(make: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return make(*arguments)
        except StackError as error:
            wrong.append(error)
            return None

    document = read(_document, folder / COMPOSE_FILE) or {}
    template = read(_template, folder / ENV_EXAMPLE) or {}
    field = read(_field, document, wrong) if document else None
    bodies = (read(_mapping, document.get("services"), "services") or {}) if document else {}
    services = tuple(service for name, body in bodies.items() if (service := read(_service, name, body)))
    volumes = read(_mapping, document.get("volumes") or {}, "volumes") or {}
    wrong += _references(template)
    stack = None
    if field is not None and not wrong:
        wrong += [*_services(field, services), *_volumes(field, volumes), *_environment(field, template)]
        if not wrong:
            stack = Stack(folder=folder, bootstrap=field, services=services, env_template=template)
    return Examined(document, field, template, stack, tuple(wrong))


def parse_env(text: str, where: str) -> dict[str, str]:
    """NAME=value lines; comments stand on lines of their own; one pair of quotes around a value is dropped."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise StackError(
                f"{where}, line {number}", "not of the form NAME=value", "put comments on lines of their own"
            )
        if name in values:
            raise StackError(f"{where}, line {number}", f"{name} is set twice", "keep one of the lines")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name] = value
    return values


def _resolve(name: str, templates: Mapping[str, str], final: set[str], path: tuple[str, ...] = ()) -> str:
    """Fills in ${OTHER}; a value that somebody gave is taken as it is, as a password may hold anything."""
    if name in path:
        raise StackError(ENV_EXAMPLE, f"{' → '.join((*path, name))} refer to each other", "give one of them a value")
    if name not in templates:
        raise StackError(ENV_EXAMPLE, f"{path[-1]} refers to ${{{name}}}, which is not set", f"add a line {name}=…")
    if name in final:
        return templates[name]
    return _REFERENCE.sub(lambda match: _resolve(match[1], templates, final, (*path, name)), templates[name])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        remedy = f"a stack has one; {HELP}" if path.parent.is_dir() else "name a stack's folder with --stack"
        raise StackError(path.name, f"cannot be read: {reason}", remedy) from None


def _document(path: Path) -> dict[str, Any]:
    try:
        return _mapping(yaml.safe_load(_read(path)), path.name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise StackError(
            f"{path.name}{line}", getattr(error, "problem", None) or "not YAML", "correct the YAML"
        ) from None


def _template(path: Path) -> dict[str, str]:
    return parse_env(_read(path), path.name)


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StackError(where, "is not a mapping", "see the Compose specification")
    return value


def _field(document: Mapping[str, Any], wrong: list[StackError]) -> XBootstrap | None:
    if "x-bootstrap" not in document:
        raise StackError(COMPOSE_FILE, "has no x-bootstrap field", HELP)
    try:
        return XBootstrap.model_validate(document["x-bootstrap"])
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in ("x-bootstrap", *problem["loc"]))
            wrong.append(StackError(where, problem["msg"].removeprefix("Value error, "), HELP))
        return None


def _service(name: str, value: Any) -> Service:
    body = _mapping(value, f"services.{name}")
    image = body.get("image")
    if not isinstance(image, str):
        raise StackError(
            f"services.{name}",
            "has no image",
            "name one, also beside `build`: nothing is built on a droplet, so it is found by its name",
        )
    if "$" in image:
        raise StackError(f"services.{name}.image", "holds a variable", "write the tag that is to be baked")
    profiles = body.get("profiles") or []
    if not isinstance(profiles, list):
        raise StackError(f"services.{name}.profiles", "is not a list", "see the Compose specification")
    return Service(name=name, image=image, built="build" in body, profiles=tuple(map(str, profiles)))


def _unknown(what: str, name: str, among: Collection[str], kind: str) -> Iterator[StackError]:
    if name not in among:
        yield StackError(f"x-bootstrap.{what}", f"{name!r} is no {kind}", f"one of: {', '.join(among) or 'none'}")


def _services(field: XBootstrap, services: Sequence[Service]) -> Iterator[StackError]:
    among = {service.name: service for service in services}
    named = [("data_services", name) for name in field.data_services]
    named += [("drain", name) for name in field.drain]
    named += [("reconcile", step.service) for step in field.reconcile]
    named += [("jobs", name) for name in field.job_names]
    named += [("certificate.reload", field.certificate.reload[0])] if field.certificate else []
    named += [("databases.service", field.databases.service)] if field.databases else []
    for what, name in named:
        yield from _unknown(what, name, among, "service")
    for name in field.job_names:
        if name in among and "jobs" not in among[name].profiles:
            yield StackError(f"services.{name}", "is a job without profile", "add `profiles: [jobs]`")


def _volumes(field: XBootstrap, volumes: Mapping[str, Any]) -> Iterator[StackError]:
    for name in field.media:
        yield from _unknown("media", name, field.volumes, "entry of x-bootstrap.volumes")
    for name in field.volumes:
        yield from _unknown("volumes", name, volumes, "named volume")
        if name in volumes and _device(volumes[name]) != f"{DATA_ROOT}/{name}":
            yield StackError(
                f"volumes.{name}",
                "does not lie on the data volume",
                f"add driver_opts: {{type: none, o: bind, device: {DATA_ROOT}/{name}}}",
            )


def _device(volume: Any) -> Any:
    options = volume.get("driver_opts") if isinstance(volume, dict) else None
    return options.get("device") if isinstance(options, dict) else None


def _environment(field: XBootstrap, template: Mapping[str, str]) -> Iterator[StackError]:
    generated = {name for name, value in template.items() if value == _GENERATED}
    for name in sorted(generated.difference(field.secrets)):
        yield StackError(ENV_EXAMPLE, f"{name} is not in x-bootstrap.secrets", "add it there, with its length")
    for name in sorted(set(field.secrets).difference(generated)):
        yield StackError(f"x-bootstrap.secrets.{name}", f"is not in {ENV_EXAMPLE}", f"add a line {name}={_GENERATED}")
    variables = [("databases.admin_user", field.databases.admin_user)] if field.databases else []
    variables += [(f"mail.{entry}", name) for entry, name in field.mail.variables.items()] if field.mail else []
    for what, name in variables:
        yield from _unknown(what, name, template, f"variable of {ENV_EXAMPLE}")


def _references(template: Mapping[str, str]) -> Iterator[StackError]:
    for name in template:
        try:
            _resolve(name, template, set())
        except StackError as error:
            yield error
            return  # others lead to the same knot

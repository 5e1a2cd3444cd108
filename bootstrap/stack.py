"""A stack: a folder with a Compose file whose `x-bootstrap` field says what bootstrap must know beyond Compose.

`load` checks that the field, the Compose file and `.env.production.example` agree, so that a stack which loads can be
baked and started. Nothing here starts anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bootstrap.errors import UsageError

COMPOSE_FILE = "docker-compose.prod.yml"
ENV_EXAMPLE = ".env.production.example"
DATA_ROOT = "/srv/data"

_NAME = r"^[a-z0-9][a-z0-9_-]*$"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_PLACEHOLDER = re.compile(r"<[^>]*>")
_DOMAIN, _GENERATED = "<domain>", "<generated>"

T = TypeVar("T")


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
    """The field itself; docs/architecture.md explains each entry."""

    name: str = Field(pattern=_NAME)
    directory: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    data_services: tuple[str, ...] = ()
    reconcile: tuple[Reconcile, ...] = ()
    jobs: tuple[str, ...] = ()
    databases: Databases | None = None
    media: tuple[str, ...] = ()
    volumes: dict[str, int] = {}
    health: tuple[str, ...] = Field(min_length=1)
    certificate: Certificate
    secrets: dict[str, int] = {}
    mail: Mail | None = None

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
    def compose_file(self) -> str:
        return COMPOSE_FILE

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


def load(folder: Path) -> Stack:
    document = _mapping(_yaml(folder / COMPOSE_FILE), COMPOSE_FILE)
    if "x-bootstrap" not in document:
        raise UsageError(f"{folder / COMPOSE_FILE} has no x-bootstrap field", "see docs/architecture.md, x-bootstrap")
    field = _validated(document["x-bootstrap"])
    services = tuple(_service(name, body) for name, body in _mapping(document.get("services"), "services").items())
    volumes = _mapping(document.get("volumes") or {}, "volumes")
    template = parse_env(_read(folder / ENV_EXAMPLE), ENV_EXAMPLE)
    _check_services(field, services)
    _check_volumes(field, volumes)
    _check_environment(field, template)
    return Stack(folder=folder, bootstrap=field, services=services, env_template=template)


def parse_env(text: str, where: str) -> dict[str, str]:
    """NAME=value lines; comments stand on lines of their own; one pair of quotes around a value is dropped."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise UsageError(
                f"{where}, line {number}: not of the form NAME=value", "put comments on lines of their own"
            )
        if name in values:
            raise UsageError(f"{where}, line {number}: {name} is set twice", "keep one of the lines")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name] = value
    return values


def _resolve(name: str, templates: Mapping[str, str], final: set[str], path: tuple[str, ...] = ()) -> str:
    """Fills in ${OTHER}; a value that somebody gave is taken as it is, as a password may hold anything."""
    if name in path:
        raise UsageError(f"{ENV_EXAMPLE}: {' → '.join((*path, name))} refer to each other", "give one of them a value")
    if name not in templates:
        raise UsageError(f"{ENV_EXAMPLE}: {path[-1]} refers to ${{{name}}}, which is not set", f"add a line {name}=…")
    if name in final:
        return templates[name]
    return _REFERENCE.sub(lambda match: _resolve(match[1], templates, final, (*path, name)), templates[name])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}", "name a stack's folder with --stack") from None


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line}: {getattr(error, 'problem', None) or 'not YAML'}", "correct the YAML") from None


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{COMPOSE_FILE}: {where} is not a mapping", "see the Compose specification")
    return value


def _validated(value: Any) -> XBootstrap:
    try:
        return XBootstrap.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("x-bootstrap", *first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{COMPOSE_FILE}: {where}: {reason}", "see docs/architecture.md, x-bootstrap") from None


def _service(name: str, value: Any) -> Service:
    body = _mapping(value, f"services.{name}")
    image = body.get("image")
    if not isinstance(image, str):
        raise UsageError(
            f"{COMPOSE_FILE}: services.{name} has no image",
            "name one, also beside `build`: nothing is built on a droplet, so it is found by its name",
        )
    if "$" in image:
        raise UsageError(f"{COMPOSE_FILE}: services.{name}.image holds a variable", "write the tag that is to be baked")
    return Service(name=name, image=image, built="build" in body, profiles=tuple(body.get("profiles", ())))


def _known(what: str, name: str, among: Mapping[str, T], kind: str) -> T:
    if name not in among:
        raise UsageError(
            f"{COMPOSE_FILE}: x-bootstrap.{what} names {name!r}, which is no {kind}", f"one of: {', '.join(among)}"
        )
    return among[name]


def _check_services(field: XBootstrap, services: tuple[Service, ...]) -> None:
    among = {service.name: service for service in services}
    named = [("data_services", name) for name in field.data_services]
    named += [("reconcile", step.service) for step in field.reconcile]
    named += [("certificate.reload", field.certificate.reload[0])]
    named += [("databases.service", field.databases.service)] if field.databases else []
    for what, name in named:
        _known(what, name, among, "service")
    for name in field.jobs:
        if "jobs" not in _known("jobs", name, among, "service").profiles:
            raise UsageError(f"{COMPOSE_FILE}: services.{name} is a job without profile", "add `profiles: [jobs]`")


def _check_volumes(field: XBootstrap, volumes: Mapping[str, Any]) -> None:
    for name in field.media:
        _known("media", name, field.volumes, "entry of x-bootstrap.volumes")
    for name in field.volumes:
        options = (_known("volumes", name, volumes, "named volume") or {}).get("driver_opts") or {}
        if options.get("device") != f"{DATA_ROOT}/{name}":
            raise UsageError(
                f"{COMPOSE_FILE}: volumes.{name} does not lie on the data volume",
                f"add driver_opts: {{type: none, o: bind, device: {DATA_ROOT}/{name}}}",
            )


def _check_environment(field: XBootstrap, template: Mapping[str, str]) -> None:
    generated = {name for name, value in template.items() if value == _GENERATED}
    for name in sorted(generated.symmetric_difference(field.secrets)):
        where, there = (
            ("x-bootstrap.secrets", ENV_EXAMPLE) if name in field.secrets else (ENV_EXAMPLE, "x-bootstrap.secrets")
        )
        raise UsageError(f"{name} is generated in {where} but not in {there}", f"add it to {there}, or remove it")
    if field.databases:
        _known("databases.admin_user", field.databases.admin_user, template, f"variable of {ENV_EXAMPLE}")
    for entry, name in field.mail.variables.items() if field.mail else ():
        _known(f"mail.{entry}", name, template, f"variable of {ENV_EXAMPLE}")

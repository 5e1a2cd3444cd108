"""The form of `x-bootstrap` in a stack's Compose file. docs/your-own-stack.md explains each entry.

The laptop refuses an entry that it does not know: a misspelled one would be silently without effect. The droplet
leaves it out: its stack was checked when its image was baked, with this very module, and a line that somebody added to
the file since must not keep a stack from starting again after a reboot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bootstrap_agent.contract import form

FIELD = "x-bootstrap"
# the mail server of a stack that is to send none: by RFC 2606 no such name is ever found
MAIL_OFF = "mail-off.invalid"


def _inside_the_stack(folder: str) -> str | None:
    path = PurePosixPath(folder)
    return "must be a folder inside the stack" if path.is_absolute() or ".." in path.parts else None


def _paths(paths: tuple[str, ...]) -> str | None:
    wrong = [path for path in paths if not path.startswith("/")]
    return f"{wrong[0]!r} must start with /" if wrong else None


def _long_enough(secrets: Mapping[str, int]) -> str | None:
    short = [name for name, length in secrets.items() if not 16 <= length <= 1024]
    return f"{short[0]} must have 16 to 1024 characters" if short else None


def _names_of_dumps(dumps: Mapping[str, object]) -> str | None:
    """They name objects of the bucket, and stand beside `media` in `restore --only`."""
    wrong = [name for name in dumps if not re.fullmatch("[a-z0-9][a-z0-9_]*", name) or name == "media"]
    return f"{wrong[0]!r} must be letters, digits and _, and not `media`" if wrong else None


class Step(msgspec.Struct, frozen=True):
    """A command in a running service."""

    service: str
    command: Annotated[tuple[str, ...], Meta(min_length=1)]


class Watch(msgspec.Struct, frozen=True):
    """A command in a running service that fails while something is wrong; its last line says what, after `message`."""

    service: str
    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    message: Annotated[str, Meta(min_length=1)]


class Databases(msgspec.Struct, frozen=True):
    """`names`: database → the role that owns it; `admin_user`: the variable with the superuser's name."""

    service: str
    names: Annotated[dict[str, str], Meta(min_length=1)]
    admin_user: str


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """A database that is no PostgreSQL, by commands in its service. `dump` writes all of it to stdout; `restore` reads
    that from stdin, and puts it in the place of what is there; `ready` ends with 0 once both can be done, and left out,
    the service's health check says so. `count` prints `NAME ROWS` lines: with it, what came back is compared."""

    service: str
    dump: Annotated[tuple[str, ...], Meta(min_length=1)]
    restore: Annotated[tuple[str, ...], Meta(min_length=1)]
    ready: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    count: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None


class Certificate(msgspec.Struct, frozen=True):
    """`install`: the stack's folder for fullchain.pem and privkey.pem; `reload`: a service, then a command in it."""

    install: Annotated[str, Meta(extra={"rule": _inside_the_stack})]
    reload: Annotated[tuple[str, ...], Meta(min_length=2)]

    @property
    def reload_step(self) -> Step:
        return Step(self.reload[0], self.reload[1:])


class Mail(msgspec.Struct, frozen=True):
    """Which variables hold the mail server; a stack without one for TLS or the account does without. `sender` is the
    variable with the address that the stack's mails are from."""

    host: str
    port: str
    user: str | None = None
    password: str | None = None
    use_tls: str | None = None
    sender: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """Entry of the field → variable."""
        return {entry: name for entry, name in msgspec.structs.asdict(self).items() if name is not None}

    @property
    def variables(self) -> dict[str, str]:
        """The same, of the server alone."""
        return {entry: name for entry, name in self.named.items() if entry != "sender"}


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """What a replacement may do so that visitors wait less; without it, all goes the careful way. `warm`: services that
    mount nothing of the data volume and stand it when data services restart. `later`: those that no visitor waits for.
    `quiet`: a command that ends once nobody is being answered any more. `serving`: the paths that answer 200 without
    what comes later, or empty for `health`. `skip_unchanged_jobs`: what jobs do lasts in the databases only, so that
    those which changed nothing in a copy of the data need not run again."""

    warm: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    quiet: Step | None = None
    serving: Annotated[tuple[str, ...], Meta(extra={"rule": _paths})] = ()
    skip_unchanged_jobs: bool = False


class XBootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """`databases` is None for a stack without any, `certificate` for one that gets its own."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]*$")]
    directory: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    data_services: tuple[str, ...] = ()
    # empty: the services that publish ports
    drain: tuple[str, ...] = ()
    reconcile: tuple[Step, ...] = ()
    # groups in order; those of one group run side by side
    jobs: tuple[tuple[str, ...], ...] = ()
    databases: Databases | None = None
    dumps: Annotated[dict[str, Dump], Meta(extra={"rule": _names_of_dumps})] = {}
    media: tuple[str, ...] = ()
    # folders of the data volume that are emptied by a restore: what waits there speaks of what is gone
    queues: tuple[str, ...] = ()
    after_restore: tuple[Step, ...] = ()
    # of a copy of another deployment's data, before anything serves it
    sanitise: tuple[Step, ...] = ()
    # folder of the data volume → uid and gid
    volumes: dict[str, int] = {}
    health: Annotated[tuple[str, ...], Meta(min_length=1, extra={"rule": _paths})]
    certificate: Certificate | None = None
    # variable → how many letters and digits
    secrets: Annotated[dict[str, int], Meta(extra={"rule": _long_enough})] = {}
    mail: Mail | None = None
    alerts: tuple[Watch, ...] = ()
    handover: Handover | None = None

    @property
    def serving(self) -> tuple[str, ...]:
        """The paths by which visitors are served, whatever may come later."""
        return (self.handover.serving if self.handover else ()) or self.health

    @property
    def job_names(self) -> tuple[str, ...]:
        return tuple(job for group in self.jobs for job in group)


def parse(raw: object, *, closed: bool = False) -> XBootstrap:
    """FormError with every problem; `closed` refuses entries that are not known."""
    return form.read(_grouped(raw), XBootstrap, FIELD, closed=closed, strict=False)


def _grouped(raw: object) -> object:
    """A job by itself is a group of one; `$$` is a dollar, as anywhere in a Compose file: Compose reads `$NAME` as a
    variable of its own, here too."""
    if not isinstance(raw, Mapping):
        return raw
    changed: dict[str, Any] = {}
    if isinstance(jobs := raw.get("jobs"), list):
        changed["jobs"] = [[entry] if isinstance(entry, str) else entry for entry in jobs]
    if isinstance(dumps := raw.get("dumps"), Mapping):
        changed["dumps"] = _with_dollars(dumps)
    return {**raw, **changed}


def _with_dollars(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_dollars(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_dollars(one) for one in value]
    return value.replace("$$", "$") if isinstance(value, str) else value

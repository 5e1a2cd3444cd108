"""`x-bootstrap` of the Compose file, as it stands on the droplet. The laptop validated it (bootstrap/stack.py): what a
stack does without is not in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap_agent.contract.errors import HostError


@dataclass(frozen=True)
class Step:
    """A command run in a running service."""

    service: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Databases:
    service: str
    owners: dict[str, str]  # database → the role that owns it
    admin_variable: str


@dataclass(frozen=True)
class Certificate:
    """Where the stack reads it, and how it is told that there is a new one."""

    folder: str
    reload: Step


@dataclass(frozen=True)
class Facts:
    """`databases` is None for a stack without any, `certificate` for one that gets its own."""

    data_services: tuple[str, ...]
    drain: tuple[str, ...]  # empty: the services that publish ports
    reconcile: tuple[Step, ...]
    jobs: tuple[tuple[str, ...], ...]  # groups in order; those of one group run side by side
    databases: Databases | None
    media: tuple[str, ...]
    volumes: dict[str, int]  # folder of the data volume → uid and gid
    health: tuple[str, ...]
    certificate: Certificate | None


def load(compose_file: Path) -> Facts:
    import yaml

    try:
        raw = yaml.safe_load(compose_file.read_text())["x-bootstrap"]
        return parse(raw)
    except FileNotFoundError:
        raise HostError(f"{compose_file} does not exist", "the image is incomplete: bake a new one") from None
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise HostError(f"{compose_file} is not YAML: {where}", "mend it and bake a new image") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise HostError(f"{compose_file}: x-bootstrap is wrong: {error!r}", "see docs/architecture.md") from None


def parse(raw: dict[str, Any]) -> Facts:
    return Facts(
        data_services=tuple(raw.get("data_services", ())),
        drain=tuple(raw.get("drain", ())),
        reconcile=tuple(Step(step["service"], tuple(step["command"])) for step in raw.get("reconcile", ())),
        jobs=tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in raw.get("jobs", ())),
        databases=_databases(raw["databases"]) if raw.get("databases") else None,
        media=tuple(raw.get("media", ())),
        volumes={name: int(uid) for name, uid in raw.get("volumes", {}).items()},
        health=tuple(raw["health"]),
        certificate=_certificate(raw["certificate"]) if raw.get("certificate") else None,
    )


def _databases(raw: dict[str, Any]) -> Databases:
    return Databases(raw["service"], dict(raw["names"]), raw["admin_user"])


def _certificate(raw: dict[str, Any]) -> Certificate:
    service, *command = raw["reload"]
    return Certificate(raw["install"], Step(service, tuple(command)))

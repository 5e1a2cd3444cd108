"""`x-bootstrap` of the Compose file, as it stands on the droplet. The laptop validated it (bootstrap/stack.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import HostError


@dataclass(frozen=True)
class Step:
    """A command run in a running service."""

    service: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    data_services: tuple[str, ...]
    reconcile: tuple[Step, ...]
    jobs: tuple[str, ...]
    database_service: str
    databases: dict[str, str]  # database → the role that owns it
    admin_variable: str
    media: tuple[str, ...]
    volumes: dict[str, int]  # folder of the data volume → uid and gid
    certificate_folder: str
    certificate_reload: Step


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
    databases, certificate = raw["databases"], raw["certificate"]
    return Facts(
        data_services=tuple(raw["data_services"]),
        reconcile=tuple(Step(step["service"], tuple(step["command"])) for step in raw["reconcile"]),
        jobs=tuple(raw["jobs"]),
        database_service=databases["service"],
        databases=dict(databases["names"]),
        admin_variable=databases["admin_user"],
        media=tuple(raw["media"]),
        volumes={name: int(uid) for name, uid in raw["volumes"].items()},
        certificate_folder=certificate["install"],
        certificate_reload=Step(certificate["reload"][0], tuple(certificate["reload"][1:])),
    )

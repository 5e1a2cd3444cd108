"""The files of /etc/bootstrap: what is in this image (release.json) and what this droplet serves (deployment.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap_agent.contract.errors import CredentialsError, HostError

ETC = Path("/etc/bootstrap")


@dataclass(frozen=True)
class Release:
    name: str
    stack_dir: Path
    compose_file: str
    images: dict[str, str]
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Acme:
    directory: str
    email: str | None
    ca_file: Path | None


@dataclass(frozen=True)
class Spaces:
    endpoint: str
    region: str
    bucket: str
    prefix: str


@dataclass(frozen=True)
class Deployment:
    domain: str
    names: tuple[str, ...]
    volume: str
    acme: Acme
    spaces: Spaces
    retention_days: int
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class SpacesKey:
    access_key: str
    secret_key: str = field(repr=False)


def load_release(folder: Path = ETC) -> Release:
    raw = _read(folder / "release.json", "this image was not baked by bootstrap: bake one with `bootstrap image build`")
    try:
        return Release(raw["name"], Path(raw["stack_dir"]), raw["compose_file"], dict(raw["images"]), raw)
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(folder / "release.json", error) from None


def load_deployment(folder: Path = ETC) -> Deployment:
    raw = _read(folder / "deployment.json", "cloud-init writes it: see /var/log/cloud-init-output.log")
    try:
        acme, spaces = raw["acme"], raw["spaces"]
        return Deployment(
            domain=raw["domain"],
            names=tuple(raw["names"]),
            volume=raw["volume"],
            acme=Acme(
                acme["directory"],
                acme.get("email") or None,
                Path(acme["ca_file"]) if acme.get("ca_file") else None,
            ),
            spaces=Spaces(spaces["endpoint"], spaces["region"], spaces["bucket"], spaces["prefix"]),
            retention_days=int(raw["backup"]["retention_days"]),
            raw=raw,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(folder / "deployment.json", error) from None


def load_spaces_key(folder: Path = ETC) -> SpacesKey:
    path = folder / "credentials.json"
    try:
        spaces = json.loads(path.read_text())["spaces"]
        return SpacesKey(spaces["access_key"], spaces["secret_key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CredentialsError(
            f"no Spaces key in {path}", "deliver it: run `bootstrap create` again for this domain"
        ) from None


def _read(path: Path, remedy: str) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise HostError(f"{path} does not exist", remedy) from None
    except ValueError as error:
        raise HostError(f"{path} is no JSON: {error}", remedy) from None
    if not isinstance(raw, dict) or raw.get("version") != 1:
        raise HostError(f"{path} is not of version 1", "image and bootstrap differ too much: bake a new image")
    return raw


def _incomplete(path: Path, error: Exception) -> HostError:
    return HostError(f"{path} is incomplete: {error!r}", "bake a new image, or create the droplet again")

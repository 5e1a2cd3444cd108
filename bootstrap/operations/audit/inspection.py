"""What the Docker checks are read from. Only questions: nothing on the droplet changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.ports.host import Host

UNITS = "/lib/systemd/system"
FILES = (
    f"{UNITS}/docker.service",
    f"{UNITS}/docker.socket",
    "/etc/docker",
    "/etc/docker/daemon.json",
    "/etc/default/docker",
    "/etc/containerd/config.toml",
    "/run/docker.sock",
    "/run/containerd",
    "/run/containerd/containerd.sock",
    "/var/lib/docker",
    "/usr/bin/dockerd",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim",
    "/usr/bin/containerd-shim-runc-v1",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/runc",
)


@dataclass(frozen=True)
class Mode:
    owner: str
    bits: int


@dataclass(frozen=True)
class Inspection:
    """`daemon` is daemon.json with what dockerd's own command line says over it; `watched` are the rules that the
    kernel's audit follows, `files` those of FILES that exist; `members` who is in group docker."""

    info: dict[str, Any]
    daemon: dict[str, Any]
    bridge: dict[str, Any]
    containers: Sequence[dict[str, Any]]
    images: Sequence[dict[str, Any]]
    files: dict[str, Mode]
    watched: str = ""
    members: tuple[str, ...] = ()
    own_partition: bool = False
    processes: dict[str, str] = field(default_factory=dict)


def gather(host: Host) -> Inspection:
    running = _lines(host, "docker", "ps", "--quiet", "--no-trunc")
    images = _lines(host, "docker", "image", "ls", "--quiet", "--no-trunc")
    return Inspection(
        info=json.loads(_say(host, "docker", "info", "--format", "{{json .}}")),
        daemon={**_json(host, "/etc/docker/daemon.json"), **_flags(_say(host, "ps", "-o", "args=", "-C", "dockerd"))},
        bridge=_inspect(host, "network", ["bridge"])[0],
        containers=_inspect(host, "container", running),
        images=_inspect(host, "image", sorted(set(images))),
        files=_modes(_say(host, "stat", "--format", "%n|%U:%G|%a", *FILES)),
        watched=_watched(host),
        members=tuple(filter(None, _say(host, "getent", "group", "docker").strip().rpartition(":")[2].split(","))),
        own_partition=bool(_lines(host, "findmnt", "--noheadings", "--mountpoint", "/var/lib/docker")),
        processes={one: _say(host, "docker", "top", one, "-o", "pid,comm") for one in running},
    )


def is_rehearsal(host: Host) -> bool:
    """A machine of the local cloud shares its host's kernel: some of what a droplet has cannot be there."""
    return bool(_say(host, "systemd-detect-virt", "--container").strip() not in ("", "none"))


def _say(host: Host, *argv: str) -> str:
    """Failing is an answer as well: a file that is not there, a program that is not installed."""
    return host.run(["sudo", "-n", *argv], check=False).stdout


def _lines(host: Host, *argv: str) -> list[str]:
    return _say(host, *argv).split("\n")[:-1]


def _json(host: Host, path: str) -> dict[str, Any]:
    text = _say(host, "cat", path)
    return dict(json.loads(text)) if text.strip() else {}


def _inspect(host: Host, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
    names = list(names)
    return list(json.loads(_say(host, "docker", kind, "inspect", *names))) if names else []


def _flags(command: str) -> dict[str, Any]:
    """`--icc=false --tlsverify`: what is set on the command line wins over the file."""
    found: dict[str, Any] = {}
    for word in command.split():
        if word.startswith("--"):
            name, given, value = word[2:].partition("=")
            found[name] = {"true": True, "false": False}.get(value, value) if given else True
    return found


def _modes(text: str) -> dict[str, Mode]:
    fields = [line.split("|") for line in text.splitlines()]
    return {name: Mode(owner, int(bits, 8)) for name, owner, bits in fields}


def _watched(host: Host) -> str:
    loaded = host.run(["sudo", "-n", "auditctl", "-l"], check=False)
    return loaded.stdout if loaded.exit_code == 0 else ""

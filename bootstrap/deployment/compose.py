"""Docker Compose on the droplet, over SSH: the release's own files, and nothing of the machine's environment."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap_agent.contract import paths
from bootstrap_agent.contract.release import Release

# all that Compose needs of the machine: any variable more would win over one of the stack's
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def argv(release: Release, *words: str) -> list[str]:
    folder = release.stack_dir
    return [
        *("sudo", "-n", "env", "-i", _PATH, f"RELEASE={release.name}", "docker", "compose"),
        *("--env-file", f"{folder}/{paths.ENV_FILE}"),
        *(word for name in release.compose_files for word in ("-f", f"{folder}/{name}")),
        *words,
    ]


def exec_words(service: str, command: Sequence[str], *options: str, terminal: bool) -> list[str]:
    """In the container that runs. Compose takes a terminal unless it is told that there is none."""
    return ["exec", *([] if terminal else ["-T"]), *options, service, *command]


def run_words(service: str, command: Sequence[str], *options: str, terminal: bool) -> list[str]:
    """In a container of its own, which is gone afterwards; nothing else is started for it."""
    return ["run", "--rm", "--no-deps", *([] if terminal else ["-T"]), *options, service, *command]

"""All databases of a PostgreSQL server as one: where it lies, its base backup, and programs of its own image beside it.

PostgreSQL's own tools do the work, of the very image that serves: `pg_basebackup` streams the files and the log they
need, `pg_verifybackup` compares them with their manifest, the server itself recovers them. Any stock `postgres` image
has them, and its rules let them in over the container's own socket.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bootstrap_agent.backup.stream import child
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.stack import Databases
from bootstrap_agent.run import Result, run

# of the official image, where it does not say
PGDATA = "/var/lib/postgresql/data"


@dataclass(frozen=True)
class Place:
    """The server's data folder: `inside` its container, and `outside`, on the data volume."""

    inside: PurePosixPath
    outside: Path


class Cluster:
    def __init__(self, compose: Compose, databases: Databases, environment: Mapping[str, str]) -> None:
        self._compose = compose
        self.service = databases.service
        self.admin = environment[databases.admin_user]

    @cached_property
    def image(self) -> str:
        return self._compose.image(self.service)

    @cached_property
    def place(self) -> Place:
        inside = PurePosixPath(self._environment.get("PGDATA", PGDATA))
        for mount in self._service.get("volumes", []):
            target = PurePosixPath(mount["target"])
            if inside.is_relative_to(target):
                return Place(inside, self._device(mount) / inside.relative_to(target))
        raise BackupError(
            f"{self.service} keeps {inside} in no volume", f"mount a folder of the data volume on {inside}"
        )

    @cached_property
    def owner(self) -> int:
        """Of the data folder, or of the folder that it is in before there is one."""
        place = self.place.outside
        return (place if place.exists() else place.parent).stat().st_uid

    def base_backup(self, label: str) -> Any:
        """One tar on stdout, with the log that makes it whole. A checkpoint at once: a spread one takes minutes."""
        options = ("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", f"--label={label}")
        argv = ("pg_basebackup", f"--username={self.admin}", *options)

        def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
            return self._compose.inside(self.service, *argv, stderr=errors)

        return child(start, "pg_basebackup")

    def beside(self, program: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The arguments of a container of the same image that runs another program, as the owner of the data, with
        nothing but what `options` give it."""
        bare = ("--rm", "--pull=never", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
        owner = f"--user={self.owner}:{self.owner}"
        return ["docker", "run", *bare, owner, *options, f"--entrypoint={program}", self.image, *arguments]

    def run_beside(
        self, program: str, *arguments: str, options: Sequence[str] = (), timeout_s: float = 3600, check: bool = True
    ) -> Result:
        argv = self.beside(program, *arguments, options=("--network=none", *options))
        return run(argv, timeout_s=timeout_s, check=check, error=BackupError, what=program)

    def container(self) -> str | None:
        """Its id while it runs."""
        found = [one.id for one in self._compose.containers() if one.service == self.service and one.state == "running"]
        return found[0] if found else None

    @property
    def _service(self) -> dict[str, Any]:
        service: dict[str, Any] = self._compose.model["services"][self.service]
        return service

    @cached_property
    def _environment(self) -> dict[str, str]:
        """The image's own, under that of the Compose file."""
        inspected = run(["docker", "image", "inspect", "--format={{json .Config.Env}}", self.image]).out
        image = dict(line.partition("=")[::2] for line in json.loads(inspected) or [])
        return {**image, **{name: str(value) for name, value in (self._service.get("environment") or {}).items()}}

    def _device(self, mount: Mapping[str, Any]) -> Path:
        if mount["type"] == "bind":
            return Path(mount["source"])
        volume = self._compose.model["volumes"][mount["source"]] or {}
        device = (volume.get("driver_opts") or {}).get("device")
        if device is None:
            raise BackupError(f"volume {mount['source']} is not on the data volume", "docs/your-own-stack.md")
        return Path(device)

"""What is known of one machine, in HOME/machines/ID: enough for another process to boot it, find it and end it.

machine.json   the spec it was started with, and how to find its network
volumes.json   attached volumes, by volume: the name in the guest
run.json       the processes of this run: supervisor, nspawn, init
supervised     locked for as long as a supervisor lives, or is about to
stopping       there while it is being stopped: a guest that reboots then stays down
console.log    what its console said, over all boots
supervisor.log
"""

from __future__ import annotations

import base64
import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from localcloud.host.files import locked
from localcloud.host.processes import Process
from localcloud.machines.driver import MachineSpec
from localcloud.network.plan import Interface

ROLES = ("supervisor", "nspawn", "init")


@dataclass(frozen=True)
class Run:
    """One life of the machine. A process that is None is not there yet, or was written in a form that is not ours."""

    supervisor: Process | None
    nspawn: Process | None = None
    init: Process | None = None
    booted: bool = False
    error: str | None = None


class MachineRecord:
    def __init__(self, home: Path, machine: int) -> None:
        self.machine = machine
        self.path = home / "machines" / str(machine)
        self.console = self.path / "console.log"
        self.supervisor_log = self.path / "supervisor.log"
        self._stopping = self.path / "stopping"
        self._supervised = self.path / "supervised"

    def make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def delete(self) -> None:
        if self.path.exists():
            shutil.rmtree(self.path)

    def write_spec(self, spec: MachineSpec, network: dict[str, Any]) -> None:
        drive = {path: base64.b64encode(data).decode() for path, data in spec.config_drive.items()}
        fields = {**vars(spec), "interfaces": [asdict(i) for i in spec.interfaces], "config_drive": drive}
        self._write("machine.json", {"spec": fields, "network": network})

    def spec(self) -> MachineSpec:
        fields = self._read("machine.json")["spec"]
        fields["interfaces"] = tuple(Interface(**interface) for interface in fields["interfaces"])
        fields["nameservers"] = tuple(fields["nameservers"])
        fields["unfriendly"] = tuple(fields.get("unfriendly", ()))  # an earlier version wrote none
        fields["config_drive"] = {path: base64.b64decode(data) for path, data in fields["config_drive"].items()}
        return MachineSpec(**fields)

    def network(self) -> dict[str, Any]:
        return dict(self._read("machine.json")["network"])

    def volumes(self) -> dict[str, str]:
        return dict(self._read("volumes.json") or {})

    def write_volumes(self, volumes: dict[str, str]) -> None:
        self._write("volumes.json", volumes)

    def run(self) -> Run | None:
        known = self._read("run.json")
        if not known:
            return None
        processes = {role: Process.written(known[role] or ()) for role in ROLES}
        return Run(**processes, booted=known["booted"], error=known["error"])

    def write_run(self, run: Run) -> None:
        processes = {role: process.words() if (process := getattr(run, role)) else None for role in ROLES}
        self._write("run.json", {**processes, "booted": run.booted, "error": run.error})

    def forget_run(self) -> None:
        (self.path / "run.json").unlink(missing_ok=True)

    @property
    def stopping(self) -> bool:
        return self._stopping.exists()

    @stopping.setter
    def stopping(self, value: bool) -> None:
        if value:
            self._stopping.touch()
        else:
            self._stopping.unlink(missing_ok=True)

    @contextmanager
    def claim(self) -> Iterator[int]:
        """The descriptor of a lock for the supervisor to inherit. It is taken before that exists: a daemon that is
        killed in between leaves no machine that the next daemon does not see."""
        with self._supervised.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream.fileno()

    def supervised(self) -> bool:
        try:
            stream = self._supervised.open()
        except FileNotFoundError:
            return False
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def lock(self) -> AbstractContextManager[None]:
        """Held while devices appear or go: an attach and a reboot must not meet."""
        return locked(self.path / "lock")

    def _write(self, name: str, value: object) -> None:
        fresh = self.path / f"{name}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(value))
        fresh.replace(self.path / name)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None


def machine_records(home: Path) -> list[MachineRecord]:
    folder = home / "machines"
    return [MachineRecord(home, int(entry.name)) for entry in sorted(folder.glob("[0-9]*"))] if folder.is_dir() else []

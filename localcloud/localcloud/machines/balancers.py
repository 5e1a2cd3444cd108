"""Load balancers that run: an HAProxy each, in a network namespace of its own, with the addresses of a machine.

HOME/balancers/MACHINE has its configuration, its log, its socket and `run.json`: the process, which outlives the daemon
as machines do. A change is a reload: the process that has the new configuration takes over the listening sockets, the
old one ends its connections first. What is known of a droplet's health goes along; a droplet that is new to it gets
nothing before its checks have passed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from localcloud.host.command import run
from localcloud.host.files import write_atomically
from localcloud.host.processes import Process, with_setting
from localcloud.host.waiting import until
from localcloud.machines.driver import MachineError
from localcloud.network import Network
from localcloud.network.plan import Interface
from localcloud.services.haproxy import Target, configuration, server
from localcloud.state.model import LoadBalancer

MARK = "BOOTSTRAP_CLOUD_BALANCER"
START_S, END_S = 20.0, 5.0
PATIENCE_S = 2.0
# as HAProxy writes them: the state of a server that gets nothing
DOWN = 0


@dataclass(frozen=True)
class Balanced:
    """`interfaces`: the public one, then that of the VPC."""

    row: LoadBalancer
    interfaces: tuple[Interface, Interface]
    targets: tuple[Target, ...]


class Balancers:
    """One thread at a time asks for one balancer."""

    def __init__(self, home: Path, network: Network) -> None:
        self._home, self._network = home / "balancers", network

    def apply(self, wanted: Balanced) -> None:
        """When it returns, this is what listens. MachineError when it does not."""
        folder = self._folder(wanted.row.machine)
        mark = _mark(wanted)
        runs = self._running(wanted.row.machine)
        known = _servers(folder) if runs else {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(folder / "servers", "".join(_remembered(wanted, known)))
        write_atomically(folder / "haproxy.cfg", configuration(wanted.row, wanted.targets, folder, mark))
        if runs:
            runs.signal(signal.SIGUSR2)
        else:
            self._start(wanted)

        def late() -> MachineError:
            return MachineError(f"load balancer {wanted.row.name}: not ready; its log is {folder / 'log'}")

        until(lambda: _told(folder) == mark, timeout_s=START_S, pause_s=0.05, late=late)

    def agree(self, wanted: Balanced) -> bool:
        """Whether it runs, and so. One that lives and is too busy to say it is left alone."""
        machine = wanted.row.machine
        return self._running(machine) is not None and _told(self._folder(machine)) in (_mark(wanted), None)

    def remove(self, machine: int) -> None:
        self._end(machine)
        self._network.unplug(machine)
        if (folder := self._folder(machine)).exists():
            shutil.rmtree(folder)

    def stop(self) -> None:
        """All of them; what they were told stays."""
        for folder in self._home.glob("[0-9]*"):
            self._end(int(folder.name))
            self._network.unplug(int(folder.name))

    def running(self) -> bool:
        return any(self._running(int(folder.name)) for folder in self._home.glob("[0-9]*"))

    def _folder(self, machine: int) -> Path:
        return self._home / str(machine)

    def _running(self, machine: int) -> Process | None:
        """In its namespace: one that was made anew meanwhile is not that of the process."""
        process = _read(self._folder(machine))
        with suppress(FileNotFoundError, ProcessLookupError):
            here = (Path("/run/netns") / self._network.machine_namespace(machine)).stat().st_ino
            if process and process.alive() and Path(f"/proc/{process.pid}/ns/net").stat().st_ino == here:
                return process
        return None

    def _start(self, wanted: Balanced) -> None:
        machine = wanted.row.machine
        folder, namespace = self._folder(machine), self._network.machine_namespace(machine)
        self._end(machine)
        self._network.plug(machine, wanted.interfaces)
        for interface in wanted.interfaces:
            ip = ["ip", "-n", namespace]
            run([*ip, "addr", "add", f"{interface.address}/{interface.prefix}", "dev", interface.name])
            run([*ip, "link", "set", "dev", interface.name, "up"])
            if interface.gateway:
                run([*ip, "route", "add", "default", "via", interface.gateway, "dev", interface.name])
        with (folder / "log").open("ab") as log:
            child = subprocess.Popen(
                ["ip", "netns", "exec", namespace, "haproxy", "-W", "-db", "-f", str(folder / "haproxy.cfg")],
                env={"PATH": os.environ.get("PATH", os.defpath), MARK: str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        child.returncode = 0  # it outlives this process on purpose
        if process := Process.of(child.pid):
            write_atomically(folder / "run.json", json.dumps(process.words()))

    def _end(self, machine: int) -> None:
        """Also those that a daemon started just before it was killed: they are known by their environment."""
        folder = self._folder(machine)
        known = _read(folder)
        for process in (*filter(None, [known]), *with_setting(MARK, str(folder))):
            if not process.end(END_S):
                raise MachineError(f"load balancer {machine}: process {process.pid} does not end, not even on SIGKILL")
            with suppress(ChildProcessError):  # of an earlier daemon: then init has it
                os.waitpid(process.pid, os.WNOHANG)
        (folder / "run.json").unlink(missing_ok=True)


def _read(folder: Path) -> Process | None:
    try:
        return Process.written(json.loads((folder / "run.json").read_text()))
    except FileNotFoundError:
        return None


def _mark(wanted: Balanced) -> str:
    """Of all that its configuration depends on, and of nothing else, such as its status or its name."""
    text = configuration(wanted.row, wanted.targets, Path("/"), "")
    return hashlib.sha256(f"{wanted.interfaces}{text}".encode()).hexdigest()[:16]


def _ask(folder: Path, command: str, patience_s: float = PATIENCE_S) -> Sequence[str] | None:
    """Of the process that listens now; nothing where none does, None where one does and says nothing in time."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(patience_s)
        try:
            asked.connect(str(folder / "socket"))
            asked.sendall(f"{command}\n".encode())
            with asked.makefile() as answer:
                return answer.read().splitlines() or None
        except (FileNotFoundError, ConnectionRefusedError):
            return ()
        except OSError:
            return None


def _told(folder: Path) -> str | None:
    """The mark of what is at work; empty where nobody listens, None where nobody answers."""
    if (lines := _ask(folder, "show info")) is None:
        return None
    return dict(line.partition(": ")[::2] for line in lines).get("description", "")


def _servers(folder: Path) -> dict[str, str]:
    """What is known of each droplet's health, by its server's name, in HAProxy's own words."""
    lines = _ask(folder, "show servers state health", START_S) or ()
    return {words[3]: line for line in lines if len(words := line.split()) > 4 and words[1] == "health"}


def _remembered(wanted: Balanced, known: dict[str, str]) -> Iterator[str]:
    """HAProxy's file of servers, version 1. One without a line would be up before anybody has asked it."""
    yield "1\n"
    yield (
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
        "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
        "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
        "srv_agent_addr srv_agent_port\n"
    )
    for number, (droplet, address) in enumerate(wanted.targets, 1):
        name, port = server(droplet), wanted.row.health.port
        new = f"2 health {number} {name} {address} {DOWN} 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0"
        yield f"{known.get(name, new)}\n"

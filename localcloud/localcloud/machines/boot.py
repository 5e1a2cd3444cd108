"""The lives of one machine: boot it, give it its network and its volumes, boot it again when the guest asked for a
reboot, clean up when it powered off. Runs in the supervisor's process; only `clean` is the driver's too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from localcloud.host.command import CommandError
from localcloud.host.processes import PROC, Process
from localcloud.host.waiting import until
from localcloud.machines import cgroup, config_drive, devices, guest
from localcloud.machines.driver import MachineError, MachineSpec
from localcloud.machines.memory import MemoryLimit
from localcloud.machines.pool import Pool
from localcloud.machines.record import MachineRecord, Run
from localcloud.network.namespace import Network

LAUNCHER = "localcloud.machines.launch"
BOOT_S = 60
# systemd-nspawn --keep-unit leaves it to its caller to boot again, and says so with this
REBOOT = 133


def network_of(record: MachineRecord) -> Network:
    """For this machine's links only: the rules are the daemon's."""
    known = record.network()
    return Network(known["name"], known["cidr"], Path(known["home"]))


def supervise(home: Path, machine: int) -> None:
    record = MachineRecord(home, machine)
    me = Process.of(os.getpid())
    assert me is not None, "this process runs"
    record.write_run(Run(me))
    try:
        while _boot(home, record, me) == REBOOT and not record.stopping:
            print("the guest asked for a reboot", flush=True)
    except (CommandError, MachineError, OSError) as failed:
        clean(home, record)
        record.write_run(Run(me, error=str(failed)))
        raise
    clean(home, record)
    record.forget_run()


def clean(home: Path, record: MachineRecord) -> None:
    """What a run leaves on the host goes: loop devices, links, the memory group. Idempotent."""
    pool = Pool(home)
    with record.lock():
        for volume in record.volumes():
            devices.close_loop(pool.volumes / f"{volume}.raw")
    config_drive.close(record.path)
    network_of(record).unplug(record.machine)
    _memory(record).remove()
    cgroup.remove(_memory(record).name)


def _boot(home: Path, record: MachineRecord, me: Process) -> int:
    """One life of the guest, from power-on to power-off or reboot."""
    spec, pool = record.spec(), Pool(home)
    root = pool.machines / str(spec.id)
    guest.prepare(root, spec)
    config_drive.write(record.path, spec.config_drive)
    namespace = network_of(record).plug(spec.id, spec.interfaces)
    limit = _memory(record)
    memory = limit.prepare()
    # without, `limit` starts the machine in a scope of systemd's, which is its own place
    groups = [memory, *cgroup.prepare(limit.name)] if memory else []
    launcher = [sys.executable, "-m", LAUNCHER, str(pool.path), str(namespace), os.pathsep.join(map(str, groups))]
    machine = nspawn(spec, root, network_of(record).machine_namespace(spec.id))
    with record.console.open("ab") as console:
        process = subprocess.Popen(
            limit.argv([*launcher, *machine]),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={
                # the launcher is to be of the same code as this
                **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                # /proc/sys/net is the guest's own: Docker sets up a container's interface there
                "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
                # /tmp is what the image makes of it, as on a droplet
                "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
            },
        )
    try:
        run = _wait_for_init(Run(me, Process.of(process.pid)), process)
        record.write_run(run)
        assert run.init is not None
        config_drive.appear(record.path, run.init)
        _connect_volumes(record, pool, run)
        record.write_run(replace(run, booted=True))
    except BaseException:
        # the init first: without nspawn it would live on
        if init := init_of(process.pid):
            init.signal(signal.SIGKILL)
        process.kill()
        process.wait()
        raise
    code = process.wait()
    print(f"systemd-nspawn ended with {code}", flush=True)
    return code


def nspawn(spec: MachineSpec, root: Path, name: str) -> list[str]:
    """The command line that is a machine. Pure, but for a look at what this host has.

    The launcher is in the machine's network namespace already: nspawn's own --network-namespace-path would show the
    guest the host's interfaces in /sys/class/net."""
    cpus = os.cpu_count() or 1
    first = spec.id % cpus
    affinity = sorted({(first + n) % cpus for n in range(min(spec.vcpus, cpus))})
    fuse = ["--bind=/dev/fuse"] if Path("/dev/fuse").exists() else []
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        f"--directory={root}",
        f"--machine={name}",
        f"--hostname={spec.hostname}",
        "--capability=all",
        # what Docker's runtime needs beyond nspawn's default
        "--system-call-filter=add_key keyctl bpf",
        f"--cpu-affinity={','.join(map(str, affinity))}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        *fuse,
    ]


def _memory(record: MachineRecord) -> MemoryLimit:
    return MemoryLimit(network_of(record).machine_namespace(record.machine), record.spec().memory_mb)


def _wait_for_init(run: Run, process: subprocess.Popen[bytes]) -> Run:
    """Until systemd in the guest answers on its private socket: then its /dev is there and signals mean something."""

    def up() -> Process | None:
        if process.poll() is not None:
            raise did_not()
        init = init_of(process.pid)
        return init if init is not None and _systemd_listens(init) else None

    def did_not() -> MachineError:
        return MachineError("the machine did not boot: its console's log says why")

    return replace(run, init=until(up, timeout_s=BOOT_S, pause_s=0.05, late=did_not))


def init_of(parent: int) -> Process | None:
    """PID 1 of the pid namespace that `parent` made."""
    try:
        children = (PROC / str(parent) / "task" / str(parent) / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((Process.of(int(child)) for child in children if _is_an_init(child)), None)


def _is_an_init(pid: str) -> bool:
    try:
        lines = (PROC / pid / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    pids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(pids) > 1 and pids[-1] == "1"


def _systemd_listens(init: Process) -> bool:
    return os.path.lexists(PROC / str(init.pid) / "root" / "run" / "systemd" / "private")


def _connect_volumes(record: MachineRecord, pool: Pool, run: Run) -> None:
    assert run.init is not None
    with record.lock():
        for volume, name in record.volumes().items():
            devices.appear(run.init, devices.open_loop(pool.volumes / f"{volume}.raw"), name)

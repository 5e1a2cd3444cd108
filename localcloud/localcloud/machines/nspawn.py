"""Machines as systemd-nspawn containers that boot: own init, own network, own disk, a real memory limit.

The kernel is the host's. A machine is held by a supervisor process of its own (`supervise.py`), so it outlives the
daemon; this class only starts supervisors, reads their records and signals guests.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from localcloud.host.command import CommandError, run
from localcloud.host.files import locked
from localcloud.host.processes import Process
from localcloud.host.waiting import until, within
from localcloud.machines import base, boot, devices, first_boot, pool, trust, usage
from localcloud.machines.driver import MachineError, MachineSpec
from localcloud.machines.guarding import attempt, checked, errors, numbers
from localcloud.machines.record import MachineRecord, Run, machine_records
from localcloud.machines.usage import Usage
from localcloud.network.namespace import Network

SUPERVISOR = "localcloud.machines.supervise"
START_S = 90
KILL_S = 20
PAUSE_S = 0.05
# systemd's own signal for a clean power-off
POWER_OFF = signal.SIGRTMIN + 4
# where the supervisor has the lock that it inherits (record.py)
CLAIM = 3


class NspawnDriver:
    """`home` is the instance's folder; `cache` holds base images for all instances of this host; `authority` is the
    certificate that machines made from one trust."""

    def __init__(
        self,
        home: Path,
        network: Network,
        cache: Path = base.CACHE,
        pool_size_gb: int = 40,
        authority: Path | None = None,
    ) -> None:
        self.home, self.network, self.cache, self.authority = home, network, cache, authority
        self.pool = pool.Pool(home, pool_size_gb)

    # the pool and the base images -------------------------------------------------------------------------------

    def open(self) -> None:
        """Idempotent; what a crash left (a run whose processes are gone) is cleaned up."""
        self.pool.open()
        for record in machine_records(self.home):
            if not self.running(record.machine):
                self._clean(record)

    def close(self) -> None:
        """Stop every machine and unmount; disks stay."""
        for record in machine_records(self.home):
            self.stop(record.machine, graceful=True, timeout_s=30)
        self.pool.close()

    def delete(self) -> None:
        """Nothing is left: no machine, no disk, no pool."""
        for record in machine_records(self.home):
            self.stop(record.machine, graceful=False)
            record.delete()
        self.pool.delete()

    def ensure_base(self, ref: str = base.BASE, progress: Callable[[str], None] = lambda _: None) -> base.BaseImage:
        """The root image of that name exists: from the cache, built first where it holds none (a minute)."""
        return base.ensure(self.pool, ref, self.cache, progress)

    def sweep(
        self,
        *,
        machines: Collection[int],
        images: Collection[str],
        volumes: Collection[str],
        snapshots: Collection[str],
    ) -> list[str]:
        """Deletes what is neither named nor a base image, and closes what nobody has open: a crash may leave such.
        Answers what was there, and what would not go."""
        known = {record.machine for record in machine_records(self.home)} | set(numbers(self.pool.machines))
        stray: list[tuple[str, Callable[[], None]]] = [
            *((f"machine {machine}", partial(self.destroy, machine)) for machine in known - set(machines)),
            *(
                (f"image {image}", partial(self.delete_image, image))
                for image in set(self.images()) - {*images, base.BASE, base.BUILDER}
            ),
            *(
                (f"volume {file.name}", partial(self._delete_stray, file))
                for file in self.pool.volumes.iterdir()
                if file.suffix != ".raw" or file.stem not in volumes
            ),
            *(
                (f"volume snapshot {file.name}", file.unlink)
                for file in self.pool.volume_snapshots.iterdir()
                if file.stem not in snapshots
            ),
        ]
        found = [attempt(what, delete) for what, delete in stray]
        for file in self.pool.volumes.glob("*.raw"):
            if self._holder(file.stem) is None:
                devices.close_loop(file)
        return found

    def _delete_stray(self, file: Path) -> None:
        if file.suffix == ".raw":
            self.delete_volume(file.stem)
        else:
            file.unlink()

    # images -----------------------------------------------------------------------------------------------------

    def images(self) -> list[str]:
        return sorted(entry.name for entry in self.pool.images.iterdir() if entry.is_dir() and entry.name[0] != ".")

    def snapshot(self, machine: int, image: str) -> float:
        with errors(machine):
            root = self._root(machine)
            if not root.exists():
                raise MachineError("it has no disk to take a snapshot of")
            run(["btrfs", "filesystem", "sync", str(root)])
            target = self.pool.images / checked(image)
            pool.clone(root, target, read_only=True)
            return pool.size_gib(target)

    def delete_image(self, image: str) -> None:
        with errors():
            pool.delete(self.pool.images / checked(image))
            (self.pool.images / f"{image}.json").unlink(missing_ok=True)

    # machines ---------------------------------------------------------------------------------------------------

    def create(self, spec: MachineSpec, image: str) -> None:
        with errors(spec.id):
            source = self.pool.images / checked(image)
            if not source.exists():
                raise MachineError(f"there is no image {image}")
            MachineRecord(self.home, spec.id).make()
            root = self._root(spec.id)
            if not root.exists():
                # whole or not at all
                fresh = root.with_name(f".{root.name}.new")
                pool.clone(source, fresh)
                if image == base.BASE:
                    first_boot.install(fresh, spec.unfriendly)
                    if self.authority:
                        trust.install(fresh, self.authority)
                fresh.rename(root)

    def start(self, spec: MachineSpec) -> None:
        with errors(spec.id):
            record = MachineRecord(self.home, spec.id)
            record.make()
            if self._runs_or_ended(record):
                return
            record.write_spec(spec, self._network_facts())
            self._clean(record)
            self._supervise(record)

    def stop(self, machine: int, *, graceful: bool, timeout_s: float = 60) -> None:
        record = MachineRecord(self.home, machine)
        with errors(machine):
            if self.running(machine):
                record.stopping = True
                if not (graceful and self._power_off(record, timeout_s)):
                    self._kill(record)
            if record.path.exists():
                self._clean(record)

    def running(self, machine: int) -> bool:
        return self._under_way(MachineRecord(self.home, machine))

    def destroy(self, machine: int) -> None:
        self.stop(machine, graceful=False)
        with errors(machine):
            pool.delete(self._root(machine))
            MachineRecord(self.home, machine).delete()

    def usage(self, machine: int) -> Usage | None:
        """None while it does not run, or where this host counts nothing."""
        run = self._run(MachineRecord(self.home, machine))
        return usage.of(run.nspawn.pid) if run and run.nspawn else None

    def console(self, machine: int) -> Path:
        return MachineRecord(self.home, machine).console

    # volumes ----------------------------------------------------------------------------------------------------

    def create_volume(
        self, volume: str, size_gb: int, snapshot: str | None = None, filesystem: str = "", label: str = ""
    ) -> None:
        file = self._volume(volume)
        with errors():
            if file.exists():
                return
            fresh = file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            if snapshot:
                run(["cp", "--reflink=always", str(self._volume_snapshot(snapshot)), str(fresh)])
            else:
                fresh.touch(mode=0o600)
            os.truncate(fresh, max(size_gb * pool.GIB, fresh.stat().st_size))
            if filesystem:
                devices.format_file(fresh, filesystem, label)
            fresh.rename(file)

    def resize_volume(self, volume: str, size_gb: int) -> None:
        file = self._volume(volume)
        with errors():
            os.truncate(file, max(size_gb * pool.GIB, file.stat().st_size))
            if loop := devices.loop_of(file):
                run(["losetup", "--set-capacity", str(loop)])

    def delete_volume(self, volume: str) -> None:
        with self._volumes_lock():
            if holder := self._holder(volume):
                raise MachineError(f"volume {volume}: attached to machine {holder.machine}, detach it first")
            devices.close_loop(self._volume(volume))
            self._volume(volume).unlink(missing_ok=True)

    def snapshot_volume(self, volume: str, snapshot: str) -> float:
        source, target = self._volume(volume), self._volume_snapshot(snapshot)
        with errors():
            # what the guest has written to its disk is in the file; what it still caches, a power cut would lose too
            if loop := devices.loop_of(source):
                run(["blockdev", "--flushbufs", str(loop)])
            run(["btrfs", "filesystem", "sync", str(self.pool.path)])
            run(["cp", "--reflink=always", str(source), str(target)])
            return round(target.stat().st_blocks * 512 / pool.GIB, 2)

    def delete_volume_snapshot(self, snapshot: str) -> None:
        self._volume_snapshot(snapshot).unlink(missing_ok=True)

    def attach(self, machine: int, volume: str, name: str) -> None:
        record = MachineRecord(self.home, machine)
        if not record.path.exists():
            raise MachineError(f"volume {volume}: there is no machine {machine}")
        if not self._volume(volume).exists():
            raise MachineError(f"volume {volume}: does not exist")
        with errors(machine), self._volumes_lock():
            holder = self._holder(volume)
            if holder is not None and holder.machine != machine:
                raise MachineError(f"volume {volume}: attached to machine {holder.machine}, detach it there first")
            with record.lock():
                before = record.volumes()
                record.write_volumes({**before, volume: checked(name)})
                try:
                    self._plug_in(record, volume, name)
                except (CommandError, MachineError):
                    record.write_volumes(before)
                    if volume not in before:
                        devices.close_loop(self._volume(volume))
                    raise

    def _plug_in(self, record: MachineRecord, volume: str, name: str) -> None:
        """While the machine boots, its supervisor sees to it."""
        known = self._run(record)
        if known is not None and known.init is not None and known.init.alive():
            devices.appear(known.init, devices.open_loop(self._volume(volume)), name)

    def detach(self, machine: int, volume: str) -> None:
        record = MachineRecord(self.home, machine)
        if not record.path.exists():
            return
        with errors(machine), self._volumes_lock(), record.lock():
            volumes = record.volumes()
            name = volumes.pop(volume, None)
            if name is None:
                return
            known, loop = self._run(record), devices.loop_of(self._volume(volume))
            if loop is not None:
                if known is not None and known.init is not None and known.init.alive():
                    devices.disappear(known.init, loop, name)
                devices.close_loop(self._volume(volume))
            record.write_volumes(volumes)

    # ------------------------------------------------------------------------------------------------------------

    def _supervise(self, record: MachineRecord) -> None:
        argv = [sys.executable, "-m", SUPERVISOR, str(self.home), str(record.machine)]
        with record.supervisor_log.open("ab") as log, record.claim() as claim:
            # --fork: init takes it over, the daemon need not be its parent to the end
            pid = os.posix_spawnp(
                "setsid",
                ["setsid", "--fork", *argv],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                    (os.POSIX_SPAWN_DUP2, claim, CLAIM),
                ],
            )
            os.waitpid(pid, 0)

        def settled() -> Run | None:
            known = record.run()
            return known if known is not None and (known.booted or known.error) else None

        def late() -> MachineError:
            return MachineError(f"its supervisor did not start: see {record.supervisor_log}")

        known = until(settled, timeout_s=START_S, pause_s=PAUSE_S, late=late)
        if known.error:
            raise MachineError(f"{known.error} ({record.console})")

    def _runs_or_ended(self, record: MachineRecord) -> bool:
        """A run that is just ending (or rebooting) is waited for: it must not be taken for a running machine."""

        def runs() -> bool:
            known = self._run(record)
            return known is not None and known.init is not None and known.init.alive()

        until(
            lambda: runs() or not self._under_way(record),
            timeout_s=START_S,
            pause_s=PAUSE_S,
            late=lambda: MachineError("it neither runs nor ends"),
        )
        return runs()

    def _under_way(self, record: MachineRecord) -> bool:
        """A supervisor that has only just begun has written nothing yet."""
        return record.supervised() or self._run(record) is not None

    def _run(self, record: MachineRecord) -> Run | None:
        """The run that is under way: one of its processes lives."""
        known = record.run()
        if known and any(p is not None and p.alive() for p in (known.supervisor, known.nspawn, known.init)):
            return known
        return None

    def _power_off(self, record: MachineRecord, timeout_s: float) -> bool:
        asked: set[Process] = set()

        def ended() -> bool:
            known = self._run(record)
            # a guest caught in a reboot comes back with another init: ask that one too
            if known is not None and known.init is not None and known.init not in asked:
                known.init.signal(POWER_OFF)
                asked.add(known.init)
            return not self._under_way(record)

        return within(ended, timeout_s=timeout_s, pause_s=PAUSE_S)

    def _kill(self, record: MachineRecord) -> None:
        def ended() -> bool:
            # the init: with it the kernel ends everything in the machine, then nspawn and the supervisor tidy up
            if (known := self._run(record)) is not None and known.init is not None:
                known.init.signal(signal.SIGKILL)
            return not self._under_way(record)

        if within(ended, timeout_s=KILL_S, pause_s=PAUSE_S):
            return
        if (known := self._run(record)) is not None:
            for process in (known.supervisor, known.nspawn, known.init):
                if process is not None:
                    process.signal(signal.SIGKILL)
        until(
            lambda: not self._under_way(record),
            timeout_s=KILL_S,
            pause_s=PAUSE_S,
            late=lambda: MachineError("it does not die"),
        )

    def _clean(self, record: MachineRecord) -> None:
        if (record.path / "machine.json").exists():
            boot.clean(self.home, record)
        record.forget_run()
        record.stopping = False

    def _network_facts(self) -> dict[str, str]:
        net = self.network
        return {"name": net.name, "cidr": net.range.cidr, "home": str(net.home)}

    def _holder(self, volume: str) -> MachineRecord | None:
        return next((record for record in machine_records(self.home) if volume in record.volumes()), None)

    def _root(self, machine: int) -> Path:
        return self.pool.machines / str(machine)

    def _volume(self, volume: str) -> Path:
        return self.pool.volumes / f"{checked(volume)}.raw"

    def _volume_snapshot(self, snapshot: str) -> Path:
        return self.pool.volume_snapshots / f"{checked(snapshot)}.raw"

    def _volumes_lock(self) -> AbstractContextManager[None]:
        """One attach or detach at a time: who holds a volume is read from all machines' records."""
        return locked(self.home / "volumes.lock")

"""start, stop and reset: what a person does with the cloud as a whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from localcloud.daemon import claim_ports, driver_of, give_up_a_taken_port, give_up_a_taken_range, network_of
from localcloud.host import claims, unfriendly
from localcloud.host.home import Home, LocalCloudError
from localcloud.host.processes import Process
from localcloud.host.program import program
from localcloud.host.waiting import until
from localcloud.machines import NspawnDriver
from localcloud.machines.balancers import Balancers
from localcloud.machines.pool import Pool
from localcloud.machines.record import machine_records
from localcloud.network.namespace import Network
from localcloud.services.supervisor import stop_leftovers
from localcloud.stand_ins.build import ensure_images
from localcloud.state import lookup
from localcloud.state.database import State
from localcloud.state.model import KINDS, Counter, Image, ReservedIP, Row, Tag
from localcloud.work.sweep import sweep

TOOLS = (
    "systemd-nspawn",
    "btrfs",
    "mkfs.btrfs",
    "nft",
    "ip",
    "conntrack",
    "openssl",
    "pebble",
    "docker-registry",
    "haproxy",
    "skopeo",
)
START_DEADLINE_S = 300.0
STOP_DEADLINE_S = 120.0
POWER_OFF_S = 30.0
# what `reset` leaves in the home: baked images stay with the pool, and what they trust; range and ports may by now be
# those of another cloud
KEPT = {"pool.btrfs", "pool", "state.sqlite", "run", "token", "acme"}

Progress = Callable[[str], None]


def require_root() -> None:
    if sys.platform != "linux":
        raise LocalCloudError("the local cloud needs Linux: its machines are Linux containers", 11)
    if os.geteuid() != 0:
        raise LocalCloudError("the local cloud needs root: it mounts, makes network namespaces and boots machines", 11)


def start(home: Home, progress: Progress, friendly: Collection[str] | None = None) -> dict[str, Any]:
    """Idempotent; returns what endpoints.json says. `friendly`: what of `host/unfriendly.py` is switched off; None
    leaves it as it was."""
    require_root()
    with home.command_lock():
        daemon = home.daemon()
        if daemon is not None and not home.endpoints.exists():
            # of a `start` or a `stop` that was killed on its way: whether it comes or goes, it is ended
            _end(daemon)
            daemon = None
        if friendly is not None and unfriendly.ALL - set(friendly) != unfriendly.left(home.path):
            if daemon is not None:
                raise LocalCloudError(f"the cloud runs, as friendly as it is: {program()} stop, then start", 2)
            unfriendly.switch_off(home.path, friendly)
        if daemon is None:
            _refuse_what_cannot_be(home)
            try:
                _start(home, progress)
            except Exception:
                _give_back(home)
                raise
        return home.read_endpoints()


def _refuse_what_cannot_be(home: Home) -> None:
    """Before anything of it is on this host."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise LocalCloudError(
            f"not installed on this host: {', '.join(missing)}; docs/local-cloud.md names their packages, "
            "and `make setup` as root in bootstrap's repository installs them",
            11,
        )
    if lack := Pool(home.path).lack():
        raise LocalCloudError(lack, 11)


def _give_back(home: Home) -> None:
    """What a start that failed has made on this host. Machines that ran before it keep what they stand on."""
    network = network_of(home)
    driver = driver_of(home, network)
    if home.daemon() is not None or any(driver.running(record.machine) for record in machine_records(home.path)):
        return
    stop_leftovers(home.run)
    Balancers(home.path, network).stop()
    driver.close()
    network.down()
    claims.release(home.name)


def _start(home: Home, progress: Progress) -> None:
    home.path.chmod(0o700)
    home.endpoints.unlink(missing_ok=True)
    stop_leftovers(home.run)
    network = take_place(home)
    driver = driver_of(home, network)
    driver.open()
    # both download and unpack for minutes the first time, and find everything in the cache later
    with ThreadPoolExecutor(2) as pool:
        images = pool.submit(ensure_images, home.cache, progress)
        base = driver.ensure_base(progress=progress)
        stand_ins = sorted(name for name, kind in images.result().items() if kind != "official")
    if base.is_stand_in:
        progress(f"Ubuntu 22.04 cannot be had here: {base.pretty_name} stands in for ubuntu-22-04-x64")
    if stand_ins:
        progress(f"Docker Hub does not answer: stand-ins built from Debian serve as {', '.join(stand_ins)}")
    progress(f"starting the network {network.range.cidr}, the services and the API")
    _await_ready(home, _spawn(home))


def take_place(home: Home) -> Network:
    """Range and ports are chosen and taken in one go: another cloud that starts meanwhile looks afterwards."""
    with claims.choosing():
        droplets, reserved_ips = _addressed(home)
        give_up_a_taken_port(home, droplets)
        give_up_a_taken_range(home, droplets + reserved_ips)
        network = network_of(home)
        claim_ports(home)
        network.up()
    return network


def _addressed(home: Home) -> tuple[int, int]:
    """How many droplets there are, and reserved IPs: they have addresses of the range."""
    if not home.state.exists():
        return 0, 0
    with closing(State(home.state)) as state, state.change() as tx:
        return len(lookup.droplets(tx)), len(tx.all(ReservedIP))


def _spawn(home: Home) -> Process | None:
    home.log.touch(mode=0o600)
    # the daemon inherits its lock: there is no moment in which it is on its way and nobody knows
    with home.log.open("ab") as output, home.claim_daemon() as lock:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud", "serve", "--lock", str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            pass_fds=[lock],
        )
    # it outlives this process on purpose
    process.returncode = 0
    return Process.of(process.pid)


def _await_ready(home: Home, daemon: Process | None) -> None:
    def ready() -> bool:
        if home.endpoints.exists():
            return True
        if daemon is None or not daemon.alive():
            raise LocalCloudError(f"the daemon ended while starting: {_last_line(home.log)} (log: {home.log})")
        return False

    def late() -> LocalCloudError:
        return LocalCloudError(f"the daemon is not ready after {START_DEADLINE_S:.0f} s (log: {home.log})")

    until(ready, timeout_s=START_DEADLINE_S, pause_s=0.1, late=late)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "(nothing in its log)"


def stop(home: Home, progress: Progress) -> None:
    """Only the pool's file and the state are left. Machines that ran boot again at the next start."""
    require_root()
    if not home.path.exists():
        return
    with home.command_lock():
        _stop(home, progress)


def _stop(home: Home, progress: Progress) -> None:
    if (daemon := home.daemon()) is not None:
        progress("stopping the API and the services")
        home.endpoints.unlink(missing_ok=True)
        _end(daemon)
    home.endpoints.unlink(missing_ok=True)
    stop_leftovers(home.run)
    network = network_of(home)
    driver = driver_of(home, network)
    Balancers(home.path, network).stop()
    _power_off(home, driver, progress)
    driver.close()
    network.down()
    claims.release(home.name)


def _end(daemon: Process) -> None:
    """Whatever it left undone is in the state, and everything below is idempotent."""
    if not daemon.end(STOP_DEADLINE_S):
        raise LocalCloudError(f"the daemon {daemon.pid} does not end, not even on SIGKILL")


def _power_off(home: Home, driver: NspawnDriver, progress: Progress) -> None:
    running = [record.machine for record in machine_records(home.path) if driver.running(record.machine)]
    if not running:
        return
    progress(f"powering off {len(running)} machine{'s' * (len(running) > 1)}")
    with ThreadPoolExecutor(len(running)) as pool:
        list(pool.map(lambda machine: driver.stop(machine, graceful=True, timeout_s=POWER_OFF_S), running))


def reset(home: Home, progress: Progress, *, images: bool) -> None:
    """Machines, volumes and all state are gone; with `images` the baked images too. The shared cache stays."""
    require_root()
    if not home.path.exists():
        return
    with home.command_lock():
        _stop(home, progress)
        progress("deleting machines, volumes and state")
        driver = driver_of(home, network_of(home))
        if images or not home.state.exists():
            # the state first: what is left without one, the next start sweeps away
            home.state.unlink(missing_ok=True)
            driver.delete()
            kept = {"run"}
        else:
            _forget(home, driver)
            kept = KEPT
        for entry in home.path.iterdir():
            if entry.name not in kept:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    if images:
        shutil.rmtree(home.path)


def _forget(home: Home, driver: NspawnDriver) -> None:
    with closing(State(home.state)) as state:
        with state.change() as tx:
            tags = {tag for image in tx.all(Image) for tag in image.tags}
            for kind in KINDS:
                for row in tx.all(kind):
                    if not _outlives_reset(row, tags):
                        tx.delete(row)
        driver.open()
        sweep(state, driver)
    driver.close()


def _outlives_reset(row: Row, tags: set[str]) -> bool:
    # numbers go on: an id that was seen once never means something else
    return isinstance(row, (Image, Counter)) or (isinstance(row, Tag) and row.name in tags)

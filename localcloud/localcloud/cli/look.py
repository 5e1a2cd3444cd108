"""status, console and shell: what a person looks at. Nothing here changes the cloud."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from localcloud.cli.control import require_root
from localcloud.host.home import Home, LocalCloudError
from localcloud.host.program import program
from localcloud.machines.record import MachineRecord
from localcloud.state import lookup
from localcloud.state.database import State
from localcloud.state.model import Image, Volume


def status(home: Home) -> dict[str, Any]:
    running = home.daemon() is not None
    known: dict[str, Any] = {"running": running, "home": str(home.path), "ready": running and home.endpoints.exists()}
    if known["ready"]:
        ends = home.read_endpoints()
        known["endpoints"] = {"api": ends["api"], "dns": ends["dns"], "spaces": ends["spaces"]["endpoint"]}
        known["endpoints"] |= {"acme": ends["acme"]["directory"], "registry": ends["registry_mirror"]}
        if "mail" in ends:  # not in a cloud that an earlier version started
            known["endpoints"]["inbox"] = ends["mail"]["inbox"]
    if home.state.exists():
        with closing(State(home.state)) as state, state.change() as tx:
            known["droplets"] = [
                {"id": d.id, "name": d.name, "status": d.status, "ip": d.public_ip} for d in lookup.droplets(tx)
            ]
            known["volumes"] = [{"id": v.id, "name": v.name, "droplet": v.droplet_id} for v in tx.all(Volume)]
            known["images"] = [{"id": i.id, "name": i.name} for i in tx.all(Image)]
    return known


def _machine(home: Home, name: str) -> MachineRecord:
    if not home.state.exists():
        raise LocalCloudError(f"there is no local cloud yet: {program()} start", 4)
    with closing(State(home.state)) as state, state.change() as tx:
        found = [d for d in lookup.droplets(tx) if name in (d.name, d.key)]
        names = ", ".join(sorted(d.name for d in lookup.droplets(tx))) or "none"
    if not found:
        raise LocalCloudError(f"there is no droplet {name}; there are: {names}", 4)
    return MachineRecord(home.path, found[-1].id)


def console(home: Home, name: str) -> Path:
    """The file with what the machine's console said, over all its boots."""
    require_root()
    record = _machine(home, name)
    if not record.console.exists():
        raise LocalCloudError(f"droplet {name} has not booted yet, or its console's log was lost on request", 4)
    return record.console


def shell(home: Home, name: str) -> list[str]:
    """The argv of a root shell inside the machine."""
    require_root()
    run = _machine(home, name).run()
    if run is None or run.init is None or not run.init.alive():
        raise LocalCloudError(f"droplet {name} is not running", 4)
    return ["nsenter", "--target", str(run.init.pid), "--all", "/bin/bash", "--login"]

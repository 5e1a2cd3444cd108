"""`python -m bench.footprint`: what the local cloud takes in memory beside its machines, as PSS: its daemon and each of
its services, with their children. Uses BOOTSTRAP_CLOUD_HOME's cloud when that runs, a fresh one otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.cloud import Cloud, running, table
from localcloud.host.home import Home

MIB = 1024 * 1024


def measure(cloud: Cloud) -> None:
    daemon = Home(cloud.home, cloud.home).daemon()
    roots = {"the daemon: API, machines' life": daemon.pid} if daemon else {}
    services = {path.stem: json.loads(path.read_text())["pid"] for path in sorted((cloud.home / "run").glob("*.json"))}
    roots |= services
    machines = [
        json.loads(path.read_text())[role][0]
        for path in (cloud.home / "machines").glob("*/run.json")
        for role in ("supervisor", "nspawn")
    ]
    counted = {
        name: [pid] if pid in machines else _family(pid, set(services.values()) - {pid}) for name, pid in roots.items()
    }
    rows = [(name, len(pids), sum(map(_pss, pids))) for name, pids in counted.items()]
    rows += [("supervisors of machines, not the machines", len(machines), sum(map(_pss, machines)))]
    print("\n" + table(("process", "processes", "PSS, MiB"), [(a, b, f"{size / MIB:.0f}") for a, b, size in rows]))
    print(f"\nmemory of the local cloud: {sum(size for *_, size in rows) / MIB:.0f} MiB", flush=True)


def _family(pid: int, others: set[int]) -> list[int]:
    """A process and its children, without those that count by themselves."""
    return [pid, *(one for child in _children(pid) if child not in others for one in _family(child, others))]


def _children(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        # the daemon's threads and tools come and go
        with suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, path.read_text().split())


def _pss(pid: int) -> int:
    """0 when it ended meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    return 0


def main() -> None:
    with running() as cloud:
        measure(cloud)


if __name__ == "__main__":
    main()

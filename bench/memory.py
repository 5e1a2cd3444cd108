"""`python -m bench.memory DOMAIN`: what each container of a deployment takes, as PSS: shared pages count once, split
among those who share them. Asked over `bootstrap ssh`; wait until the stack is idle. `BOOTSTRAP_CLOUD=local` for the
local cloud.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BOOTSTRAP = str(Path(sys.executable).with_name("bootstrap"))
MIB = 1024 * 1024
# Runs on the droplet: one line of JSON.
PROBE = """
import json, pathlib, subprocess
ids = subprocess.run(["docker", "ps", "-q", "--no-trunc"], check=True, capture_output=True, text=True).stdout.split()
label = '{{index .Config.Labels "com.docker.compose.service"}}'
names = dict(zip(ids, subprocess.run(["docker", "inspect", "-f", label, *ids], check=True, capture_output=True,
                                     text=True).stdout.split()))
found = {}
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        cgroup = (process / "cgroup").read_text()
        name = (process / "comm").read_text().strip()
        rollup = (process / "smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        continue  # it ended meanwhile
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in rollup}
    owner = next((service for id, service in names.items() if id in cgroup), None)
    found.setdefault(owner or "", []).append([name, sizes["Pss"], sizes["Rss"]])
print(json.dumps(found))
"""
DROPLET = 2048 * MIB
Processes = dict[str, list[tuple[str, int, int]]]


def measure(domain: str) -> Processes:
    argv = [BOOTSTRAP, "ssh", domain, "--", "sudo", "-n", "python3", "-"]
    asked = subprocess.run(argv, input=PROBE, check=True, capture_output=True, text=True)
    answer: Processes = json.loads(asked.stdout)
    return answer


def table(processes: Processes) -> str:
    rows = [
        (service or "the droplet itself", len(each), sum(pss for _, pss, _ in each), sum(rss for _, _, rss in each))
        for service, each in processes.items()
    ]
    rows.sort(key=lambda row: (row[0] == "the droplet itself", -row[2]))
    total = sum(pss for name, _, pss, _ in rows if name != "the droplet itself")
    lines = ["| container | processes | PSS, MiB | RSS, MiB |", "|---|---|---|---|"]
    lines += [f"| {name} | {count} | {pss / MIB:.0f} | {rss / MIB:.0f} |" for name, count, pss, rss in rows]
    lines.insert(-1, f"| **all containers** | | **{total / MIB:.0f}** | |")
    return "\n".join(lines)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.memory DOMAIN")
    processes = measure(sys.argv[1])
    print(table(processes))
    everything = sum(pss for each in processes.values() for _, pss, _ in each)
    print(
        f"\nall processes of the machine: {everything / MIB:.0f} MiB, {1 - everything / DROPLET:.0%} of 2 GiB is left"
    )


if __name__ == "__main__":
    main()

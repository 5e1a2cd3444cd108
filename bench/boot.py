"""`python -m bench.boot`: a droplet of the baked image that is powered on, until a visitor gets 200, against a bare
`docker compose up --wait` on the same droplet, its images present, its containers removed. In turn, three pairs.
"""

from __future__ import annotations

import statistics

import digitalocean

from bench.cloud import DOMAIN, Cloud, Visitor, health_paths, running, table, watched

PAIRS = 3
DEADLINE_S = 300
# on the droplet; with the agent's RELEASE, so that its containers are not made anew at the next boot
BARE = """
import json, os, pathlib, subprocess, time
release = json.loads(pathlib.Path("/etc/bootstrap/release.json").read_text())
compose = ["docker", "compose", "-f", release["compose_file"], "--env-file", ".env.production"]
run = dict(check=True, capture_output=True, cwd=release["stack_dir"], env={**os.environ, "RELEASE": release["name"]})
subprocess.run([*compose, "down"], **run)
began = time.monotonic()
subprocess.run([*compose, "up", "-d", "--wait"], **run)
print(time.monotonic() - began)
"""


def measure(cloud: Cloud) -> None:
    cloud.bootstrap("create", "--domain", DOMAIN)
    visitor, rows, ratios = Visitor.of(cloud), [], []
    for _ in range(PAIRS):
        bare = float(cloud.bootstrap("ssh", DOMAIN, "--", "sudo", "-n", "python3", "-", stdin=BARE).out)
        first, every = _boot(cloud, visitor)
        ratios.append(every / bare)
        rows.append((f"{first:.1f}", f"{every:.1f}", f"{bare:.1f}", f"{ratios[-1]:.2f}"))
    print("\n" + table(("power on → first 200, s", "→ all pages, s", "bare `compose up --wait`, s", "ratio"), rows))
    print(f"\nboot → 200: median ratio {statistics.median(ratios):.2f} of {PAIRS} pairs, all pages counted", flush=True)


def _boot(cloud: Cloud, visitor: Visitor) -> tuple[float, float]:
    """Seconds to the first 200 of the first page and of all."""
    token, paths = cloud.endpoints["token"], health_paths()
    (droplet,) = digitalocean.Manager(token=token).get_all_droplets(tag_name=f"bootstrap:{DOMAIN.replace('.', '_')}")
    droplet.shutdown(return_dict=False).wait(update_every_seconds=1)
    with watched(visitor, DOMAIN, paths, DEADLINE_S) as firsts:
        droplet.power_on()
        found = firsts()
    return found[paths[0]], max(found.values())


def main() -> None:
    with running() as cloud:
        measure(cloud)


if __name__ == "__main__":
    main()

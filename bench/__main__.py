"""`make bench`: every ratio from one run, those of machines on one local cloud. Needs root, takes some fifteen minutes
on 2 cores. Never a test: machines differ. `python -m bench.NAME` runs one of them alone.
"""

from __future__ import annotations

from bench import boot, create, footprint, startup
from bench.cloud import running


def main() -> None:
    startup.measure()
    with running() as cloud:
        create.measure(cloud)
        boot.measure(cloud)
        footprint.measure(cloud)


if __name__ == "__main__":
    main()

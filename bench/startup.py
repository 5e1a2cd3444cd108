"""`python -m bench.startup`: pairs of commands run in turn, A B A B …, so that a ratio holds when the machine's speed
drifts. Prints medians in seconds and the median of the ratios pair by pair."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BOOTSTRAP = str(Path(sys.executable).with_name("bootstrap"))
PAIRS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "bootstrap --help / an empty Python": ([BOOTSTRAP, "--help"], [sys.executable, "-c", ""]),
    "bootstrap create --help / an empty Python": ([BOOTSTRAP, "create", "--help"], [sys.executable, "-c", ""]),
}
RUNS = 15


def seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure() -> None:
    for name, (left, right) in PAIRS.items():
        seconds(left), seconds(right)  # warm the caches
        runs = [(seconds(left), seconds(right)) for _ in range(RUNS)]
        a, b = (statistics.median(side) for side in zip(*runs, strict=True))
        ratio = statistics.median(x / y for x, y in runs)
        print(f"{name}: {a:.3f} s / {b:.3f} s, ratio {ratio:.1f} (median of {RUNS} pairs)", flush=True)


if __name__ == "__main__":
    measure()

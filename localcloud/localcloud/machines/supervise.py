"""`python -m … HOME ID`: the process that stays with one machine and survives the daemon (`boot.py` says what it does).

The driver talks to it through files (`record.py`), and to the guest by signals.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from localcloud.machines.boot import supervise


def main() -> None:
    # only the driver ends a machine: the terminal the daemon was started from may go
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervise(Path(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()

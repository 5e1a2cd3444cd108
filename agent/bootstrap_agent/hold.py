"""Visitors wait while this droplet serves nothing.

The first packet of a new connection is dropped without a word, so the visitor's own computer sends it again, after
1, 2, 3, 4, 5, 7, 11 … s (Linux before 6.5: 1, 3, 7, 15 … s), to whichever droplet has the reserved IP by then. Nothing
is answered and nothing is passed on, so no
connection is there to break when the address moves. Connections that exist go on: those are drained.
"""

from __future__ import annotations

from bootstrap_agent.contract.paths import HOLD
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import run

_TABLE = "table inet bootstrap_hold"
NONE = f"{_TABLE} {{}}\ndelete {_TABLE}\n"
# before the machine's own guard and before Docker rewrites the address, not of the machine itself
RULES = f"""{NONE}{_TABLE} {{
    chain new_connections {{
        type filter hook prerouting priority mangle - 1; policy accept;
        iifname != "lo" fib daddr type local tcp dport {{ 80, 443 }} tcp flags & (fin | syn | rst | ack) == syn drop
    }}
}}
"""


def hold() -> None:
    """Until `release`, also when the machine boots in between: the guard (packer/files/firewall.nft) takes it along, as
    the address may be here, and a machine that starts nothing by itself would refuse whoever comes."""
    HOLD.parent.mkdir(exist_ok=True)
    write_atomic(HOLD, RULES.encode(), 0o644)
    run(["nft", "-f", str(HOLD)])


def release() -> None:
    HOLD.unlink(missing_ok=True)
    run(["nft", "-f", "-"], stdin=NONE)

"""Visitors wait while this droplet serves nothing.

The first packet of a new connection is dropped without a word, so the visitor's own computer sends it again, after
1, 2, 3, 4, 5, 7, 11 … s (Linux before 6.5: 1, 3, 7, 15 … s), to whichever droplet has the reserved IP by then. Nothing
is answered and nothing is passed on, so no
connection is there to break when the address moves. Connections that exist go on: those are drained.
"""

from __future__ import annotations

from bootstrap_agent.run import run

_TABLE = "table inet bootstrap_hold"
NONE = f"{_TABLE} {{}}\ndelete {_TABLE}\n"
# before the machine's own guard and before Docker rewrites the address, not of the machine itself; a
# reboot forgets it
RULES = f"""{NONE}{_TABLE} {{
    chain new_connections {{
        type filter hook prerouting priority mangle - 1; policy accept;
        iifname != "lo" fib daddr type local tcp dport {{ 80, 443 }} tcp flags & (fin | syn | rst | ack) == syn drop
    }}
}}
"""


def hold() -> None:
    run(["nft", "-f", "-"], stdin=RULES)


def release() -> None:
    run(["nft", "-f", "-"], stdin=NONE)

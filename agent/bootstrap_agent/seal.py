"""No way out, for a machine that holds a copy of somebody's data and must tell nobody: a drill's, and the next droplet
in its pre-flight.

Nothing that begins on this machine, in a container or beside one, leaves it; what is answered is SSH, which came from
outside. The rules stand with the machine's own guard, which is there before the network and before Docker, so that a
reboot opens nothing. For a drill's machine there is no way back: it is thrown away. The next droplet is opened when the
real data are there; until then visitors do not come in either, as what they wrote would be lost with the copy.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import Sealed
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import HostError
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note, run

TABLE = "inet bootstrap_sealed"
RULES = f"""
# Added by bootstrap-agent: what is on this machine is a copy.
table {TABLE} {{}}
delete table {TABLE}
table {TABLE} {{
    chain output {{
        type filter hook output priority filter - 5; policy drop;
        oifname {{ "lo", "docker0" }} accept
        oifname "br-*" accept
        ct direction reply ct state established accept
    }}
    chain forward {{
        type filter hook forward priority filter - 5; policy drop;
        iifname "br-*" oifname "br-*" accept
    }}
    chain visitors {{
        type filter hook prerouting priority mangle - 1; policy accept;
        iifname "lo" accept
        iifname "br-*" accept
        fib daddr type local tcp dport {{ 80, 443 }} ct state new drop
    }}
}}
"""
TRIED_S = 2.0


def seal(deployment: Deployment) -> Sealed:
    """The key of the bucket goes, too. HostError when there still is a way to where the backups are."""
    close(deployment)
    paths.CREDENTIALS.unlink(missing_ok=True)
    return Sealed(True)


def close(deployment: Deployment) -> None:
    where = _bucket(deployment)
    rules = paths.FIREWALL.read_text()
    if TABLE not in rules:
        write_atomic(paths.FIREWALL, (rules + RULES).encode(), 0o644)
    run(["systemctl", "reload", "bootstrap-firewall.service"])
    run(["nft", "list", "table", *TABLE.split()])
    for address in where:
        _require_closed(address)
    note("nothing leaves this machine any more")


def open_again() -> None:
    """No-op on a machine that is open. Never called on a drill's."""
    rules = paths.FIREWALL.read_text()
    if TABLE in rules:
        write_atomic(paths.FIREWALL, rules.replace(RULES, "").encode(), 0o644)
    run(["nft", "-f", "-"], stdin=f"table {TABLE} {{}}\ndelete table {TABLE}\n")


def _bucket(deployment: Deployment) -> list[tuple[str, int]]:
    """Its addresses, while there is somebody to ask; none on a machine that is sealed already."""
    url = urlsplit(deployment.spaces.endpoint)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(url.hostname, port, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return [(str(address[0]), int(address[1])) for *_, address in found]


def _require_closed(address: tuple[str, int]) -> None:
    try:
        socket.create_connection(address, timeout=TRIED_S).close()
    except OSError:
        return
    raise HostError(f"this machine still reaches {address[0]}", "it starts nothing; bootstrap drill deletes it")

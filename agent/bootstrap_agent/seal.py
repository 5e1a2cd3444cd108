"""No way out, for a machine that holds a copy of somebody's data and must tell nobody: a drill's.

Nothing that begins on this machine, in a container or beside one, leaves it; what is answered is SSH, which came from
outside. The rules stand with the machine's own guard, which is there before the network and before Docker, so that a
reboot opens nothing. There is no way back: such a machine is thrown away.
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
# Added by `bootstrap-agent seal`: this machine is thrown away.
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
}}
"""
TRIED_S = 2.0


def seal(deployment: Deployment) -> Sealed:
    """The key of the bucket goes, too. HostError when there still is a way to where the backups are."""
    where = _bucket(deployment)
    rules = paths.FIREWALL.read_text()
    if TABLE not in rules:
        write_atomic(paths.FIREWALL, (rules + RULES).encode(), 0o644)
    run(["systemctl", "reload", "bootstrap-firewall.service"])
    run(["nft", "list", "table", *TABLE.split()])
    paths.CREDENTIALS.unlink(missing_ok=True)
    for address in where:
        _require_closed(address)
    note("nothing leaves this machine any more")
    return Sealed(True)


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

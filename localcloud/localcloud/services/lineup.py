"""Every service of the local cloud, in the order of starting. What the daemon calls:

    supervisor = Supervisor(services(home, cache, address, Ports()), home / "run")
    supervisor.start()          # ready when it returns; ServiceError (one line) when one does not come up
    supervisor.stop()

`stop_leftovers(home / "run")` ends what a killed daemon left. `stand_ins/build.py` fills the
registry; it may run before, during or without all this. For endpoints.json: `spaces.credentials(home)`,
`mail.credentials(home)` and `acme.Files(home / "acme")`. The DNS reads `home / "dns" / "records.json"` (its form:
zones.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from localcloud.services import acme, dns, mail, registry, spaces
from localcloud.services.supervisor import Service


@dataclass(frozen=True)
class Ports:
    """`http` and `tls` are where the certificate authority looks for a challenge on the guest."""

    dns: int = 53
    acme: int = 14000
    acme_management: int = 15000
    spaces: int = 8333
    # behind services/registry_front.py
    registry: int = 5001
    http: int = 80
    tls: int = 443
    mail: int = 2525
    inbox: int = 8025
    mail_tls: int = 2465
    mail_starttls: int = 2587


def services(home: Path, cache: Path, address: str, ports: Ports) -> list[Service]:
    """Makes what they need on disk (keys, certificates, configuration) and describes them; starts nothing."""
    return [
        dns.service(home, address, ports.dns),
        acme.service(
            home,
            address,
            port=ports.acme,
            management_port=ports.acme_management,
            dns_port=ports.dns,
            http_port=ports.http,
            tls_port=ports.tls,
            lifetime=acme.lifetime(os.environ),
        ),
        spaces.service(home, address, port=ports.spaces),
        registry.service(home, cache, address, port=ports.registry),
        mail.service(
            home,
            address,
            ports=mail.MailPorts(ports.mail, ports.mail_tls, ports.mail_starttls),
            inbox_port=ports.inbox,
        ),
    ]

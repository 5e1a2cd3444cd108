"""A VPC's row and its address range, for those that a person asks for and for those that a new cloud begins with."""

from __future__ import annotations

import ipaddress
from uuid import uuid4

from localcloud.state.database import Transaction
from localcloud.state.model import VPC
from localcloud.wire import now, unprocessable

# generated ranges: /20s, away from 10.0/16 (often somebody's LAN) and from Docker's own
GENERATED = ipaddress.IPv4Network("10.96.0.0/11")


def add(tx: Transaction, name: str, region: str, ip_range: str, description: str = "", default: bool = False) -> VPC:
    row = VPC(
        id=str(uuid4()),
        name=name,
        region=region,
        ip_range=ip_range,
        description=description,
        default=default,
        created_at=now(),
    )
    return tx.put(row)


def free_range(tx: Transaction) -> str:
    taken = [ipaddress.IPv4Network(vpc.ip_range) for vpc in tx.all(VPC)]
    for candidate in GENERATED.subnets(new_prefix=20):
        if not any(candidate.overlaps(other) for other in taken):
            return str(candidate)
    raise unprocessable("there is no free range left for another VPC")

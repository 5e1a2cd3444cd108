"""Questions that more than one part asks of the state."""

from __future__ import annotations

import ipaddress
import time

from localcloud.state.catalog import SIZES
from localcloud.state.database import Transaction
from localcloud.state.model import (
    VPC,
    Action,
    Assignment,
    Droplet,
    Firewall,
    Image,
    LoadBalancer,
    Project,
    ReservedIP,
    Volume,
)


def droplets(tx: Transaction) -> list[Droplet]:
    return [droplet for droplet in tx.all(Droplet) if not droplet.deleted]


def droplet(tx: Transaction, key: object) -> Droplet | None:
    found = tx.get(Droplet, key)
    return found if found and not found.deleted else None


def disk_gb(droplet: Droplet) -> int:
    return droplet.disk_gb or SIZES[droplet.size].disk


def volumes_of(tx: Transaction, droplet_id: int) -> list[Volume]:
    return [volume for volume in tx.all(Volume) if volume.droplet_id == droplet_id]


def snapshots_of(tx: Transaction, droplet_id: int) -> list[Image]:
    return [image for image in tx.all(Image) if image.droplet_id == droplet_id]


def reserved_ip_of(tx: Transaction, droplet_id: int) -> ReservedIP | None:
    return next((ip for ip in tx.all(ReservedIP) if ip.droplet_id == droplet_id), None)


def default_project(tx: Transaction) -> Project:
    return next(project for project in tx.all(Project) if project.is_default)


def project_id(tx: Transaction, urn: str) -> str:
    assigned = tx.get(Assignment, urn)
    return assigned.project_id if assigned else default_project(tx).id


def firewalls_of(tx: Transaction, droplet: Droplet) -> list[Firewall]:
    return [fw for fw in tx.all(Firewall) if droplet.id in fw.droplet_ids or set(fw.tags) & set(droplet.tags)]


def machines(tx: Transaction) -> list[Droplet | LoadBalancer]:
    """All that has a place in the network, also what is on its way out."""
    return [*tx.all(Droplet), *tx.all(LoadBalancer)]


def load_balancers(tx: Transaction) -> list[LoadBalancer]:
    return [balancer for balancer in tx.all(LoadBalancer) if not balancer.deleted]


def balanced(tx: Transaction, row: LoadBalancer) -> list[Droplet]:
    """Its droplets as they are now: those of its tag, or those it was given. Only those of its VPC can be reached."""
    there = [droplet for droplet in droplets(tx) if droplet.vpc_uuid == row.vpc_uuid]
    return [d for d in there if (row.tag in d.tags if row.tag else d.id in row.droplet_ids)]


def busy(tx: Transaction, droplet_id: int) -> bool:
    """Whether an action that concerns the droplet is in progress, or another event."""
    row = tx.get(Droplet, droplet_id)
    return (row is not None and row.busy_until > time.time()) or any(
        action.droplet_id == droplet_id and action.status == "in-progress" for action in tx.all(Action)
    )


def default_vpc(tx: Transaction, region: str) -> VPC:
    return next(vpc for vpc in tx.all(VPC) if vpc.default and vpc.region == region)


def address(network: str, host: int) -> str:
    return str(ipaddress.ip_network(network).network_address + host)


def free_host(network: str, taken: set[str], first: int, last: int, after: int) -> int | None:
    """The next free host number of `network` after `after`, round and round: an address that has just been given
    back is the last to be given out again, so nobody meets yesterday's host key there today."""
    hosts = [*range(max(first, after + 1), last + 1), *range(first, min(last, after) + 1)]
    return next((host for host in hosts if address(network, host) not in taken), None)

"""What each command asks of a token: DigitalOcean's scopes. docs/token.md is made from it, and a test holds it against
the requests that the commands make (tests/contract/cloud/test_rights.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bootstrap.errors import CredentialsError
from bootstrap.ports.cloud import Cloud

_FIND = ("droplet:read", "block_storage:read", "reserved_ip:read", "firewall:read", "domain:read")
_PRICES = ("regions:read", "sizes:read")
_LOCK = ("tag:read", "tag:create", "tag:delete")
_CHANGE = (*_FIND, *_LOCK, "actions:read", "droplet:update", "droplet:delete", "block_storage_action:create")
_PLACE = ("ssh_key:read", "ssh_key:create", "vpc:read", "image:read", "droplet:create", "reserved_ip:update")
_RECORDS = ("domain:create", "domain:update", "domain:delete")
_DESTROY = (*_CHANGE, "reserved_ip:delete", "domain:update", "firewall:delete")

CREATE, REDEPLOY, DESTROY, DESTROY_VOLUME = "create", "redeploy, rollback", "destroy", "destroy --volume"
# with the keys of people, and the images that are left, which are told
_UNWATCH = [
    *(f"{what}:{verb}" for what in ("uptime", "monitoring", "ssh_key") for verb in ("read", "delete")),
    "image:read",
]
DESTROY_ZONES = "destroy --zones"
ROLLBACK_DATA, RESIZE = "rollback --with-data", "redeploy --size, redeploy --dry-run"
DRILL, GROW, ACCESS = "drill", "volume grow", "access"
BACKUP, LOOK = "backup now, restore, import", "status, logs, ssh, mail"
BUILD, PRUNE = "image build", "image list, prune, delete"
_REDEPLOY = (
    *(*_CHANGE, *_PLACE, "firewall:update", "block_storage_action:read"),
    # of the pre-flight's copy
    *("block_storage:create", "block_storage:delete"),
    *(f"block_storage_snapshot:{verb}" for verb in ("read", "create", "delete")),
)
COMMANDS: Mapping[str, Sequence[str]] = {
    BUILD: (
        *("droplet:read", "droplet:create", "droplet:update", "droplet:delete"),
        *("ssh_key:read", "ssh_key:create", "ssh_key:delete", "image:read", "image:update", "tag:read", "tag:create"),
    ),
    PRUNE: ("droplet:read", "tag:read", "image:read", "image:delete"),
    CREATE: (
        *("account:read", *_PRICES, *_CHANGE, *_PLACE, "block_storage:create", "vpc:create", "reserved_ip:create"),
        *("firewall:create", "firewall:update", "domain:create", "domain:update"),
    ),
    REDEPLOY: _REDEPLOY,
    RESIZE: (*_REDEPLOY, *_PRICES),
    ROLLBACK_DATA: (*_REDEPLOY, "snapshot:read"),
    LOOK: (*_FIND, *_PRICES, "tag:read"),
    BACKUP: (*_FIND, *_LOCK),
    ACCESS: (*_FIND, *_LOCK, "ssh_key:read", "ssh_key:create", "ssh_key:delete"),
    GROW: (*_FIND, *_LOCK, "actions:read", "block_storage_action:create"),
    DRILL: (
        *(*_CHANGE, *_PRICES, "ssh_key:read", "ssh_key:create", "vpc:read", "vpc:create", "image:read"),
        *("droplet:create", "block_storage:create", "block_storage:delete"),
        *("firewall:create", "firewall:delete"),
    ),
    DESTROY: _DESTROY,
    DESTROY_VOLUME: (
        *(*_DESTROY, "block_storage:delete"),
        *(f"block_storage_snapshot:{verb}" for verb in ("read", "delete")),
    ),
    DESTROY_ZONES: (*(scope for scope in _DESTROY if scope != "domain:update"), "domain:delete"),
}
# done without, and told, where the token has no right to it: the uptime check, the alert policies, and the deletion of
# people's keys and of a base that no bake starts from any more
EXTRAS: Mapping[str, Sequence[str]] = {
    BUILD: ["image:delete"],
    CREATE: [f"{what}:{verb}" for what in ("uptime", "monitoring") for verb in ("read", "create")] + ["uptime:update"],
    DESTROY: _UNWATCH,
    DESTROY_ZONES: _UNWATCH,
    DESTROY_VOLUME: [*_UNWATCH, "snapshot:read"],
    # of a volume that a rollback with data replaced: its snapshots
    REDEPLOY: ["snapshot:read"],
    RESIZE: ["snapshot:read"],
}
ALL: Sequence[str] = sorted({scope for table in (COMMANDS, EXTRAS) for scopes in table.values() for scope in scopes})


def needed(command: str, *, records: bool) -> Sequence[str]:
    """`records`: those of the deployment's names are kept in this account."""
    return [scope for scope in COMMANDS[command] if records or scope not in _RECORDS]


def check(cloud: Cloud, command: str, *, records: bool = True) -> None:
    """Before the command does anything: CredentialsError that names every scope that the token lacks."""
    if lacking := cloud.lacks(needed(command, records=records)):
        raise may_not(lacking)


def may_not(scopes: Iterable[str]) -> CredentialsError:
    return CredentialsError(
        f"the API token may not {', '.join(scopes)}",
        "make one with full access, or with these scopes too: https://cloud.digitalocean.com/account/api/tokens",
    )

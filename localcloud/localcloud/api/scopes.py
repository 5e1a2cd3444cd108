"""What a token may do: DigitalOcean's scopes, such as `droplet:create`, and which of them a request needs."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

# of a token that may only read
READ_ONLY = ("*:read",)

_VERBS = {"GET": "read", "HEAD": "read", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_RESOURCES = {
    "account": "account",
    "actions": "actions",
    "domains": "domain",
    "droplets": "droplet",
    "firewalls": "firewall",
    "floating_ips": "reserved_ip",
    "images": "image",
    "monitoring": "monitoring",
    "projects": "project",
    "regions": "regions",
    "reserved_ips": "reserved_ip",
    "sizes": "sizes",
    "snapshots": "snapshot",
    "tags": "tag",
    "uptime": "uptime",
    "volumes": "block_storage",
    "vpcs": "vpc",
}
# the last part of a path that asks for a right of its own: (first part, part) → resource
_PARTS = {
    ("account", "keys"): "ssh_key",
    ("droplets", "firewalls"): "firewall",
    ("vpcs", "peerings"): "vpc_peering",
    ("volumes", "actions"): "block_storage_action",
    ("volumes", "snapshots"): "block_storage_snapshot",
}
# a POST there changes what exists
_CHANGES = {
    ("droplets", "actions"),
    ("images", "actions"),
    ("reserved_ips", "actions"),
    ("floating_ips", "actions"),
    ("domains", "records"),
    *(("firewalls", part) for part in ("droplets", "rules", "tags")),
}


def needed(method: str, path: str) -> str:
    """The scope that DigitalOcean's document names for a request; the first, where it names several."""
    parts = path.strip("/").split("/")[1:] or [""]
    first, rest = parts[0], parts[1:]
    verb = _VERBS.get(method, "update")
    if any((first, part) in _CHANGES for part in rest) and verb != "read":
        verb = "update"
    resource = next((_PARTS[first, part] for part in rest if (first, part) in _PARTS), _RESOURCES.get(first, first))
    return f"{resource}:{verb}"


def allow(scopes: Collection[str], method: str, path: str) -> bool:
    return any(fnmatchcase(needed(method, path), scope) for scope in scopes)

"""What a token may do: DigitalOcean's scopes, such as `droplet:create`, and which of them a request needs.

Asked before anything is looked up: a token without the right hears 403 of what is not there, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

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
    "load_balancers": "load_balancer",
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
    *(("load_balancers", part) for part in ("droplets", "forwarding_rules")),
}
# others that are needed as well
_MORE = {
    "GET /v2/sizes": "regions:read",
    "GET /v2/snapshots/*": "block_storage_snapshot:read",
    "DELETE /v2/snapshots/*": "image:delete",
    "POST /v2/uptime/checks/*/alerts": "uptime:update",
    "DELETE /v2/uptime/checks/*/alerts/*": "uptime:update",
}
# another that will do as well
_OR = {"POST /v2/domains/*/records": "domain:create", "DELETE /v2/domains/*/records/*": "domain:delete"}
_TAGGED = {
    "droplet": "droplet",
    "image": "image",
    "volume": "block_storage",
    "volume_snapshot": "block_storage_snapshot",
}
# what a new droplet names
_NAMED = {"tags": "tag:create", "ssh_keys": "ssh_key:read", "volumes": "block_storage:read", "vpc_uuid": "vpc:read"}


def needed(method: str, path: str) -> list[set[str]]:
    """The scopes that DigitalOcean's document names for a request: all of one of these sets."""
    parts = path.strip("/").split("/")[1:] or [""]
    first, rest = parts[0], parts[1:]
    verb = _VERBS.get(method, "update")
    if any((first, part) in _CHANGES for part in rest) and verb != "read":
        verb = "update"
    resource = next((_PARTS[first, part] for part in rest if (first, part) in _PARTS), _RESOURCES.get(first, first))
    asked = f"{method} /{path.strip('/')}"
    more = {scope for pattern, scope in _MORE.items() if fnmatchcase(asked, pattern)}
    others = [{scope} for pattern, scope in _OR.items() if fnmatchcase(asked, pattern)]
    return [{f"{resource}:{verb}", *more}, *others]


def named(method: str, path: str, body: Mapping[str, Any]) -> set[str]:
    """Those that a request needs as well for what stands in its body."""
    parts = path.strip("/").split("/")[1:]
    if parts[:1] == ["tags"] and parts[2:] == ["resources"]:
        items = body.get("resources")
        kinds = (
            [item.get("resource_type") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        )
        return {f"{_TAGGED[kind]}:update" for kind in kinds if isinstance(kind, str) and kind in _TAGGED}
    if method == "POST" and parts == ["droplets"]:
        return {scope for name, scope in _NAMED.items() if body.get(name)}
    return set()


def allow(scopes: Collection[str], method: str, path: str, body: Mapping[str, Any]) -> bool:
    """Of a request that was not read yet, `body` is empty."""

    def has(wanted: set[str]) -> bool:
        return all(any(fnmatchcase(one, scope) for scope in scopes) for one in wanted)

    return any(map(has, needed(method, path))) and has(named(method, path, body))

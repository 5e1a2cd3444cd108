"""What a token may do, asked so that nothing can come of it.

DigitalOcean tells nobody a token's scopes. So each is found out by one request that needs it and can only be refused:
403 without the right, whatever else with it. What each request names is nobody's (an id that is none, a name that
nobody can have, a document that lacks what it must hold), so that it is harmless even if it were let through.
This rests on DigitalOcean looking at the token before it looks for what a request names.
"""

from __future__ import annotations

from collections.abc import Mapping

# a UUID of the form that DigitalOcean makes; the one of zeros might stand for none
_UUID = "ffffffff-ffff-4fff-bfff-ffffffffffff"
# the largest that every JSON reader keeps exactly: no count of droplets comes near it
_ID = 2**53 - 1
# RFC 5737: an address of the documentation's; RFC 6761: a domain that cannot be
_IP = "192.0.2.1"
_DOMAIN = "bootstrap.invalid"
_TAG = "bootstrap-nobody"

# of every scope that a command needs: method and path; all but GET and HEAD are sent with {}
PROBES: Mapping[str, tuple[str, str]] = {
    "account:read": ("GET", "account"),
    "actions:read": ("GET", f"actions/{_ID}"),
    "block_storage:create": ("POST", "volumes"),
    "block_storage:delete": ("DELETE", f"volumes/{_UUID}"),
    "block_storage:read": ("GET", f"volumes/{_UUID}"),
    "block_storage_action:create": ("POST", f"volumes/{_UUID}/actions"),
    "block_storage_action:read": ("GET", f"volumes/{_UUID}/actions"),
    "block_storage_snapshot:create": ("POST", f"volumes/{_UUID}/snapshots"),
    "block_storage_snapshot:delete": ("DELETE", f"volumes/snapshots/{_UUID}"),
    "block_storage_snapshot:read": ("GET", f"volumes/snapshots/{_UUID}"),
    "domain:create": ("POST", "domains"),
    "domain:delete": ("DELETE", f"domains/{_DOMAIN}"),
    "domain:read": ("GET", f"domains/{_DOMAIN}"),
    "domain:update": ("PUT", f"domains/{_DOMAIN}/records/{_ID}"),
    "droplet:create": ("POST", "droplets"),
    "droplet:delete": ("DELETE", f"droplets/{_ID}"),
    "droplet:read": ("GET", f"droplets/{_ID}"),
    "droplet:update": ("POST", f"droplets/{_ID}/actions"),
    "firewall:create": ("POST", "firewalls"),
    "firewall:delete": ("DELETE", f"firewalls/{_UUID}"),
    "firewall:read": ("GET", f"firewalls/{_UUID}"),
    "firewall:update": ("PUT", f"firewalls/{_UUID}"),
    "image:delete": ("DELETE", f"images/{_ID}"),
    "image:read": ("GET", f"images/{_ID}"),
    "image:update": ("PUT", f"images/{_ID}"),
    "monitoring:create": ("POST", "monitoring/alerts"),
    "monitoring:delete": ("DELETE", f"monitoring/alerts/{_UUID}"),
    "monitoring:read": ("GET", f"monitoring/alerts/{_UUID}"),
    "regions:read": ("GET", "regions"),
    "reserved_ip:create": ("POST", "reserved_ips"),
    "reserved_ip:delete": ("DELETE", f"reserved_ips/{_IP}"),
    "reserved_ip:read": ("GET", f"reserved_ips/{_IP}"),
    "reserved_ip:update": ("POST", f"reserved_ips/{_IP}/actions"),
    "sizes:read": ("GET", "sizes"),
    "snapshot:read": ("GET", "snapshots"),
    "ssh_key:create": ("POST", "account/keys"),
    "ssh_key:delete": ("DELETE", f"account/keys/{_ID}"),
    "ssh_key:read": ("GET", f"account/keys/{_ID}"),
    "tag:create": ("POST", "tags"),
    # takes nothing off: it names no resource
    "tag:delete": ("DELETE", f"tags/{_TAG}/resources"),
    "tag:read": ("GET", f"tags/{_TAG}"),
    "uptime:create": ("POST", "uptime/checks"),
    "uptime:delete": ("DELETE", f"uptime/checks/{_UUID}"),
    "uptime:read": ("GET", f"uptime/checks/{_UUID}"),
    "uptime:update": ("PUT", f"uptime/checks/{_UUID}"),
    "vpc:create": ("POST", "vpcs"),
    "vpc:read": ("GET", f"vpcs/{_UUID}"),
}

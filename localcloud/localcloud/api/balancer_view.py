"""A load balancer as DigitalOcean shows it."""

from __future__ import annotations

from localcloud.api import views
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import LoadBalancer
from localcloud.wire import Json


def urn(row: LoadBalancer) -> str:
    return f"do:loadbalancer:{row.id}"


def view(tx: Transaction, row: LoadBalancer) -> Json:
    """It has an address when it is active."""
    kept = {"name", "id", "status", "created_at", "vpc_uuid", "algorithm", "tag", "tls_cipher_policy"}
    kept |= {"redirect_http_to_https", "enable_proxy_protocol", "enable_backend_keepalive", "http_idle_timeout_seconds"}
    return {
        **row.model_dump(mode="json", include={*kept, "disable_lets_encrypt_dns_records"}),
        "ip": "" if row.status == "new" else row.public_ip,
        "size_unit": row.nodes,
        "size": {3: "lb-medium", 6: "lb-large"}.get(row.nodes, "lb-small"),
        "region": views.region(row.region),
        "forwarding_rules": [rule.model_dump(mode="json") for rule in row.rules],
        "health_check": row.health.model_dump(mode="json"),
        "sticky_sessions": row.sticky.model_dump(mode="json", exclude_none=True),
        "firewall": row.firewall.model_dump(mode="json"),
        "droplet_ids": [droplet.id for droplet in lookup.balanced(tx, row)],
        "project_id": lookup.project_id(tx, urn(row)),
        "type": "REGIONAL",
        "network": "EXTERNAL",
        "network_stack": "IPV4",
    }

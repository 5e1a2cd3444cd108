"""What a load balancer's row is made of, in the API's own words."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ForwardingRule(BaseModel):
    model_config = ConfigDict(frozen=True)
    entry_protocol: str
    entry_port: int
    target_protocol: str
    target_port: int
    certificate_id: str = ""
    tls_passthrough: bool = False

    @property
    def is_http(self) -> bool:
        """The balancer reads it; what it does not read it passes through."""
        return self.entry_protocol == "http"


class HealthCheck(BaseModel):
    model_config = ConfigDict(frozen=True)
    protocol: str = "http"
    port: int = 80
    path: str = "/"
    check_interval_seconds: int = 10
    response_timeout_seconds: int = 5
    unhealthy_threshold: int = 5
    healthy_threshold: int = 3


class StickySessions(BaseModel):
    """`type` is none or cookies; only the second has a cookie."""

    model_config = ConfigDict(frozen=True)
    type: str = "none"
    cookie_name: str | None = None
    cookie_ttl_seconds: int | None = None


class LoadBalancerFirewall(BaseModel):
    """Each is `ip:ADDRESS` or `cidr:NETWORK`."""

    model_config = ConfigDict(frozen=True)
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

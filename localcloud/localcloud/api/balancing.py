"""The parts of a load balancer in a request's body: rules, health check, sticky sessions, its own firewall."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from localcloud.state.balancing import ForwardingRule, HealthCheck, LoadBalancerFirewall, StickySessions
from localcloud.wire import Body, unprocessable

ENTRIES = ("http", "https", "http2", "http3", "tcp", "udp")
TARGETS = ("http", "https", "http2", "tcp", "udp")
# what is read here is plain; what is not read goes through: there are no certificates
POSSIBLE = {("http", "http"), ("http", "https"), ("tcp", "tcp"), ("https", "https"), ("http2", "http2")}
# both end up in HAProxy's configuration
PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@%/?-]{0,1023}")
COOKIE = re.compile(r"[A-Za-z0-9_-]{2,40}")
COOKIE_SECONDS = (1, 34650)
CHECK_SECONDS = (3, 300)
CHECKS = (2, 10)


def within(body: Body, name: str, least: int, most: int, default: int) -> int:
    return default if body.values.get(name) is None else body.within(name, least, most)


def rules(body: Body) -> tuple[ForwardingRule, ...]:
    return distinct(_rule(rule) for rule in body.objects("forwarding_rules"))


def distinct(found: Iterable[ForwardingRule]) -> tuple[ForwardingRule, ...]:
    """The same rule twice is one; two of the same port are none."""
    unique = tuple(dict.fromkeys(found))
    if len({rule.entry_port for rule in unique}) != len(unique):
        raise unprocessable("forwarding_rules must not use an entry_port twice")
    return unique


def _rule(body: Body) -> ForwardingRule:
    rule = ForwardingRule(
        entry_protocol=body.choice("entry_protocol", ENTRIES),
        entry_port=body.within("entry_port", 1, 65535),
        target_protocol=body.choice("target_protocol", TARGETS),
        target_port=body.within("target_port", 1, 65535),
        certificate_id=body.optional_text("certificate_id") or "",
        tls_passthrough=body.flag("tls_passthrough", False),
    )
    if rule.certificate_id:
        raise unprocessable(f"certificate {rule.certificate_id} does not exist")
    if "udp" in (rule.entry_protocol, rule.target_protocol):
        raise unprocessable("UDP is not available in this region")
    encrypted = rule.entry_protocol in ("https", "http2", "http3")
    if encrypted and not rule.tls_passthrough:
        raise unprocessable(f"{rule.entry_protocol} needs a certificate_id or tls_passthrough")
    if rule.tls_passthrough and not encrypted:
        raise unprocessable(f"tls_passthrough is not for {rule.entry_protocol}")
    if (rule.entry_protocol, rule.target_protocol) not in POSSIBLE:
        raise unprocessable(f"{rule.entry_protocol} cannot be forwarded as {rule.target_protocol}")
    return rule


def refuse_redirect_without_rules(redirects: bool, found: Iterable[ForwardingRule]) -> None:
    ports = {rule.entry_port: rule.entry_protocol for rule in found}
    if redirects and (ports.get(80) != "http" or ports.get(443) not in ("https", "http2")):
        raise unprocessable("redirect_http_to_https needs a rule for http on port 80 and one for https on port 443")


def health(body: Body) -> HealthCheck:
    asked, usual = _part(body, "health_check"), HealthCheck()
    path = asked.text("path", usual.path)
    if not PATH.fullmatch(path):
        raise unprocessable("health_check.path must be a path that begins with /")
    return HealthCheck(
        protocol=asked.choice("protocol", ("http", "https", "tcp"), usual.protocol),
        port=within(asked, "port", 1, 65535, usual.port),
        path=path,
        check_interval_seconds=within(asked, "check_interval_seconds", *CHECK_SECONDS, usual.check_interval_seconds),
        response_timeout_seconds=within(
            asked, "response_timeout_seconds", *CHECK_SECONDS, usual.response_timeout_seconds
        ),
        unhealthy_threshold=within(asked, "unhealthy_threshold", *CHECKS, usual.unhealthy_threshold),
        healthy_threshold=within(asked, "healthy_threshold", *CHECKS, usual.healthy_threshold),
    )


def sticky(body: Body) -> StickySessions:
    asked = _part(body, "sticky_sessions")
    if asked.choice("type", ("cookies", "none"), "none") == "none":
        return StickySessions()
    name = asked.text("cookie_name")
    if not COOKIE.fullmatch(name):
        raise unprocessable("cookie_name may hold letters, numbers, dashes and underscores, 2 to 40 of them")
    seconds = asked.within("cookie_ttl_seconds", *COOKIE_SECONDS)
    return StickySessions(type="cookies", cookie_name=name, cookie_ttl_seconds=seconds)


def firewall(body: Body) -> LoadBalancerFirewall:
    asked = _part(body, "firewall")
    return LoadBalancerFirewall(deny=_sources(asked, "deny"), allow=_sources(asked, "allow"))


def _sources(body: Body, name: str) -> tuple[str, ...]:
    """As they were understood, not as they were sent: they too end up in HAProxy's configuration."""
    return tuple(dict.fromkeys(_source(name, source) for source in body.texts(name)))


def _source(name: str, source: str) -> str:
    kind, _, value = source.partition(":")
    try:
        if kind == "ip":
            return f"ip:{IPv4Address(value)}"
        if kind == "cidr":
            return f"cidr:{IPv4Network(value)}"
        raise ValueError(kind)
    except ValueError:
        raise unprocessable(f"firewall.{name}: {source} is no ip:ADDRESS and no cidr:NETWORK of IPv4") from None


def _part(body: Body, name: str) -> Body:
    return Body({}) if body.values.get(name) is None else body.object(name)

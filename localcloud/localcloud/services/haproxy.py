"""A load balancer's row as HAProxy's configuration. Pure.

`health` is the one that asks: each droplet once, however many rules lead to it; the others follow what it found. A
rule that HAProxy reads (http) is in mode http, every other one is passed through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from localcloud.state.balancing import ForwardingRule
from localcloud.state.model import LoadBalancer

CONNECT_S = 5
# for how long a connection to a droplet that was taken out, or by a rule that is gone, may go on
DRAIN_S = 60
# of a TCP connection DigitalOcean names no limit: that of HTTP is taken, which is the least that it can be
BALANCE = {"round_robin": "roundrobin", "least_connections": "leastconn"}
# where it loses its rights after it has bound; these two are everywhere
USER, GROUP = "nobody", "nogroup"

# a droplet's number and its private address
Target = tuple[int, str]


def configuration(row: LoadBalancer, targets: Sequence[Target], folder: Path, mark: str) -> str:
    """`mark` is what the running process tells again; `folder` has its socket and what it remembers of droplets."""
    return "\n".join([*_global(folder, mark), *_defaults(row), *_health(row, targets), *_rules(row, targets)]) + "\n"


def server(droplet: int) -> str:
    return f"d{droplet}"


def _global(folder: Path, mark: str) -> Iterator[str]:
    yield "global"
    yield f"  description {mark}"
    yield "  log stdout format raw daemon notice"
    yield f"  user {USER}"
    yield f"  group {GROUP}"
    # the cloud's home is whatever somebody called it
    yield f"  stats socket {quote(f'{folder}/socket')} mode 600 level admin expose-fd listeners"
    yield f"  server-state-file {quote(f'{folder}/servers')}"
    yield f"  hard-stop-after {DRAIN_S}s"


def _defaults(row: LoadBalancer) -> Iterator[str]:
    check = row.health
    yield "defaults"
    yield "  log global"
    yield "  load-server-state-from-file global"
    yield f"  timeout connect {CONNECT_S}s"
    yield f"  timeout client {row.http_idle_timeout_seconds}s"
    yield f"  timeout server {row.http_idle_timeout_seconds}s"
    yield f"  timeout check {check.response_timeout_seconds}s"
    # one that does not take a connection is passed over at once
    yield "  retries 3"
    yield "  option redispatch 1"
    yield f"  balance {BALANCE[row.algorithm]}"


def _health(row: LoadBalancer, targets: Sequence[Target]) -> Iterator[str]:
    check = row.health
    yield "backend health"
    if check.protocol != "tcp":
        yield f"  option httpchk GET '{check.path}'"
        yield "  http-check expect status 200-399"
    words = [
        f"check inter {check.check_interval_seconds}s",
        f"fall {check.unhealthy_threshold} rise {check.healthy_threshold}",
    ]
    if check.protocol == "https":
        words.append("check-ssl verify none")
    # a droplet that does not expect it fails its checks, as at DigitalOcean
    words += ["check-send-proxy"] if row.enable_proxy_protocol else []
    for droplet, address in targets:
        yield " ".join([f"  server {server(droplet)} {address}:{check.port}", *words])


def _rules(row: LoadBalancer, targets: Sequence[Target]) -> Iterator[str]:
    for rule in row.rules:
        yield f"listen rule{rule.entry_port}"
        yield f"  bind {row.public_ip}:{rule.entry_port}"
        yield f"  mode {'http' if rule.is_http else 'tcp'}"
        yield from _gate(row)
        yield from _http(row, rule) if rule.is_http else ()
        for droplet, address in targets:
            yield " ".join([f"  server {server(droplet)} {address}:{rule.target_port}", *_words(row, rule, droplet)])


def _words(row: LoadBalancer, rule: ForwardingRule, droplet: int) -> Iterator[str]:
    yield f"track health/{server(droplet)}"
    if row.enable_proxy_protocol:
        # version 1, in words: the one that DigitalOcean speaks
        yield "send-proxy"
    if rule.is_http and rule.target_protocol == "https":
        yield "ssl verify none"
    if rule.is_http and row.sticky.type == "cookies":
        yield f"cookie {server(droplet)}"


def _gate(row: LoadBalancer) -> Iterator[str]:
    """Who is denied is; where somebody is allowed, nobody else is. A line each, as it takes 64 words at most."""
    for name, sources in (("denied", row.firewall.deny), ("allowed", row.firewall.allow)):
        yield from (f"  acl {name} src {source.partition(':')[2]}" for source in sources)
    if row.firewall.deny:
        yield "  tcp-request connection reject if denied"
    if row.firewall.allow:
        yield "  tcp-request connection reject unless allowed"


def _http(row: LoadBalancer, rule: ForwardingRule) -> Iterator[str]:
    if row.redirect_http_to_https and rule.entry_port == 80:
        yield "  http-request redirect scheme https code 307"
        return
    yield "  option forwardfor"
    yield "  http-request set-header X-Forwarded-Proto http"
    yield f"  http-request set-header X-Forwarded-Port {rule.entry_port}"
    if not row.enable_backend_keepalive:
        yield "  option http-server-close"
    if row.sticky.type == "cookies":
        seconds = row.sticky.cookie_ttl_seconds
        yield f"  cookie {row.sticky.cookie_name} insert indirect nocache maxlife {seconds}s attr Max-Age={seconds}"

"""What a stack asks of its droplet and of its visitors, as far as its files tell: for how long they wait at least while
it starts, and how much memory it may want.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bootstrap.stack.compose_view import ServiceView, StackView, mapping, sequence
from bootstrap.stack.findings import WARNING, Finding, Findings

# Docker's own
INTERVAL_S = 30.0
START_INTERVAL_S = 5.0
# what visitors need not notice
HOLD_S = 15.0
# of a check that asks often enough
QUICK_S = 2.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_HTTP = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])\S*")
_WORKER = re.compile(
    r"\b(?:celery|sidekiq|dramatiq|huey|rq|resque|delayed_job|good_job|solid_queue|solidqueue|horizon|"
    r"queue:work|queue:listen|schedule:work|worker|consumer|bullmq)\b"
)
_DECLARED = re.compile(r"^\s*HEALTHCHECK\s+((?:\\\n|.)*)", re.MULTILINE | re.IGNORECASE)


def slow_starts(stack: StackView) -> Findings:
    """Docker asks a service for the first time when an interval is over: who waits for it waits for that."""
    chain = _longest(stack)
    slow = [service for service in chain if first_asked_s(service) > QUICK_S]
    longest = _time(chain)
    if longest <= HOLD_S or not slow:
        return
    told = ", ".join(f"{service.name} after {first_asked_s(service):.0f} s" for service in chain)
    what = (
        f"takes {longest:.0f} s at least to start, while visitors of a redeploy wait: health checks ask late ({told})"
    )
    own = [service.name for service in slow if mapping(service.body.get("healthcheck")).get("test")]
    declared = [service.name for service in slow if service.name not in own]
    remedies = [f"add start_period: 60s and start_interval: 1s to the check of {', '.join(own)}, as --fix does"] * bool(
        own
    )
    if declared:
        remedies.append(
            f"write HEALTHCHECK --start-period=60s --start-interval=1s in the Dockerfile of {', '.join(declared)}"
        )
    yield Finding(WARNING, "services", what, "; ".join(remedies))


def _longest(stack: StackView) -> tuple[ServiceView, ...]:
    """The services that become healthy one after the other, and take longest."""
    services = {service.name: service for service in stack.services if service.long_running}
    data = {name for name in (stack.field.data_services if stack.field else ()) if name in services}
    known: dict[str, tuple[ServiceView, ...]] = {}

    def chain(name: str) -> tuple[ServiceView, ...]:
        if name not in known:
            # of a circle, which Compose refuses
            known[name] = ()
            before = {*_healthy_first(services[name]), *(data if name not in data else ())} & services.keys()
            first = max((chain(other) for other in sorted(before)), key=_time, default=())
            known[name] = (*first, services[name]) if first_asked_s(services[name]) else first
        return known[name]

    return max(map(chain, services), key=_time, default=())


def _time(chain: tuple[ServiceView, ...]) -> float:
    return sum(map(first_asked_s, chain))


def http_check_of_a_worker(stack: StackView, service: ServiceView) -> Findings:
    """A worker that is built like its web server has that one's check, and never gets healthy."""
    own = mapping(service.body.get("healthcheck"))
    declared = _DECLARED.search(service.dockerfile)
    test = _words(own.get("test")) if own.get("test") else (declared[1] if declared else "")
    asked = _HTTP.search(test)
    command = f"{_words(service.body.get('entrypoint'))} {_words(service.body.get('command'))}"
    if service.long_running and not own.get("disable") and asked and not service.ports and _WORKER.search(command):
        whose = "its health check" if own.get("test") else "the health check of its Dockerfile"
        address = asked[0].rstrip("'\"")
        what = f"{whose} asks {address}, and `{command.strip()[:60]}` looks like a worker, which answers nobody"
        remedy = "give it one of its own, or `healthcheck: {disable: true}`"
        yield Finding(WARNING, f"{service.where}.healthcheck", what, remedy)


def memory(stack: StackView) -> dict[str, Any]:
    """What the limits of its services add up to, and who has none: that one may take all there is."""
    limits = {service.name: limit_of(service) for service in stack.services if service.long_running}
    total = sum(limit for limit in limits.values() if limit is not None)
    return {"limits_mib": round(total / (1 << 20)), "without_limit": [name for name in limits if limits[name] is None]}


def limit_of(service: ServiceView) -> int | None:
    """Bytes, of all its replicas."""
    deploy = mapping(service.body.get("deploy"))
    limit = mapping(mapping(deploy.get("resources")).get("limits")).get("memory") or service.body.get("mem_limit")
    size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmg]?)b?", service.filled(str(limit or "")).lower())
    replicas = deploy.get("replicas", service.body.get("scale", 1))
    return int(float(size[1]) * _BYTES[size[2]]) * (replicas if isinstance(replicas, int) else 1) if size else None


def first_asked_s(service: ServiceView) -> float:
    """0 when nobody asks it anything, or it is not known."""
    check: Mapping[str, Any] = mapping(service.body.get("healthcheck"))
    test = check.get("test")
    if check.get("disable") or sequence(test)[:1] == ["NONE"]:
        return 0.0
    declared = _DECLARED.search(service.dockerfile)
    if not test and (declared is None or declared[1].strip().upper().startswith("NONE")):
        return 0.0
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", declared[1])) if declared and not test else {}
    names = ("interval", "start_period", "start_interval")
    given = {name: check.get(name, options.get(name.replace("_", "-"))) for name in names}
    interval = seconds(given["interval"], INTERVAL_S)
    if seconds(given["start_period"], 0.0):
        return min(interval, seconds(given["start_interval"], START_INTERVAL_S))
    return interval


def seconds(value: object, default: float) -> float:
    """Of a duration as Compose writes it: 1m30s."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", str(value or ""))
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or default


def _healthy_first(service: ServiceView) -> list[str]:
    """Those that it waits for until they are healthy."""
    needs = mapping(service.body.get("depends_on"))
    return [str(name) for name, how in needs.items() if mapping(how).get("condition") == "service_healthy"]


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")

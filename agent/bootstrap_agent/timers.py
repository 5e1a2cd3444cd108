"""Backups at 02:00 and 03:00 UTC, certificate renewal twice a day: on the droplet that is live, and on no other. Only
those for which the stack has something."""

from __future__ import annotations

from bootstrap_agent.facts import Facts
from bootstrap_agent.run import run

DATABASE, MEDIA, CERTIFICATE = (
    f"bootstrap-{name}.timer" for name in ("backup-database", "backup-media", "certificate")
)


def wanted(facts: Facts) -> list[str]:
    reasons = {DATABASE: facts.databases, MEDIA: facts.media, CERTIFICATE: facts.certificate}
    return [timer for timer, reason in reasons.items() if reason]


def enable(facts: Facts) -> dict[str, object]:
    timers = wanted(facts)
    if timers:
        run(["systemctl", "--quiet", "enable", "--now", *timers])
    return {"enabled": True, "timers": timers}


def disable() -> dict[str, object]:
    timers = [DATABASE, MEDIA, CERTIFICATE]
    run(["systemctl", "--quiet", "disable", "--now", *timers])
    return {"enabled": False, "timers": timers}

"""Backups at 02:00 and 03:00 UTC, certificate renewal twice a day: on the droplet that is live, and on no other."""

from __future__ import annotations

from bootstrap.agent.run import run

TIMERS = ("bootstrap-backup-database.timer", "bootstrap-backup-media.timer", "bootstrap-certificate.timer")


def enable() -> dict[str, object]:
    run(["systemctl", "--quiet", "enable", "--now", *TIMERS])
    return {"enabled": True, "timers": list(TIMERS)}


def disable() -> dict[str, object]:
    run(["systemctl", "--quiet", "disable", "--now", *TIMERS])
    return {"enabled": False, "timers": list(TIMERS)}

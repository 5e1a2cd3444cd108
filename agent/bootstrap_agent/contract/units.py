"""systemd's units of the image: packer/files/systemd/ holds them, the agent switches them, the CLI asks for them."""

from __future__ import annotations

from bootstrap_agent.contract.stack import XBootstrap

# what a reboot starts again, in this order
AT_BOOT = ("bootstrap-volume.service", "bootstrap-stack.service")

DATABASE_TIMER = "bootstrap-backup-database.timer"
MEDIA_TIMER = "bootstrap-backup-media.timer"
CERTIFICATE_TIMER = "bootstrap-certificate.timer"
ALERTS_TIMER = "bootstrap-alerts.timer"
# no timer: it is at work all the time, on the droplet that is live
ARCHIVE = "bootstrap-archive.service"
# runs while the site is in maintenance
MAINTENANCE = "bootstrap-maintenance.service"
BACKUP_TIMERS = (DATABASE_TIMER, MEDIA_TIMER)
TIMERS = (ARCHIVE, *BACKUP_TIMERS, CERTIFICATE_TIMER, ALERTS_TIMER)

# for journalctl
PATTERN = "bootstrap-*"


def timers_of(stack: XBootstrap) -> tuple[str, ...]:
    """Those for which the stack has something; a machine is watched whatever it runs."""
    reasons = {
        ARCHIVE: stack.databases,
        DATABASE_TIMER: stack.databases or stack.dumps,
        MEDIA_TIMER: stack.media,
        CERTIFICATE_TIMER: stack.certificate,
        ALERTS_TIMER: True,
    }
    return tuple(timer for timer, reason in reasons.items() if reason)


def service_of(timer: str) -> str:
    """What it starts."""
    return timer.removesuffix(".timer") + ".service"

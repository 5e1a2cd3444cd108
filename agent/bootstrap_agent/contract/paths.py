"""Where things lie on a droplet, and who owns them. The table is in docs/architecture.md, "On the droplet"."""

from __future__ import annotations

from pathlib import Path

# the SSH user; key only, passwordless sudo
USER = "deploy"
APPS = Path("/home/deploy/apps")

ETC = Path("/etc/bootstrap")
RELEASE = ETC / "release.json"
DEPLOYMENT = ETC / "deployment.json"
CREDENTIALS = ETC / "credentials.json"
# the machine's own guard
FIREWALL = ETC / "firewall.nft"
# there while visitors wait; the guard reads it when the machine boots
HOLD = ETC / "hold" / "visitors.nft"
ACME_CA = ETC / "acme-ca.pem"

AGENT = Path("/usr/local/bin/bootstrap-agent")
LOCK = Path("/run/lock/bootstrap-agent.lock")
ARCHIVE_LOCK = Path("/run/lock/bootstrap-archive.lock")
ALERTS_LOCK = Path("/run/lock/bootstrap-alerts.lock")
# gone after a reboot, as what it measures begins anew then
ALERTS_SAMPLES = Path("/run/bootstrap/alerts.json")
# while the data volume takes nothing: a full one is what has to be told
ALERTS_ASIDE = Path("/run/bootstrap/alerts-aside.json")
# what the archiver of PostgreSQL's log said last: {"archived_at": time, "behind_since": time or null}
ARCHIVE = Path("/run/bootstrap/archive.json")
# what a pre-flight found; gone after a reboot, as is what it left running
PREFLIGHT = Path("/run/bootstrap-preflight.json")
# how the takeover went, for who asks
TAKEOVER = Path("/run/bootstrap-takeover.json")

# the data volume
DATA = Path("/srv/data")
LETSENCRYPT = DATA / "letsencrypt"
WEBROOT = DATA / "acme-webroot"
# there between a restore and the `stack up` after it
AFTER_RESTORE = DATA / ".after-restore"
# there while the data are a copy of another deployment's, as they came
SANITISE = DATA / ".sanitise"
# .env.production as the data know it, encrypted to the recovery key
KEPT_SECRETS = DATA / "bootstrap-secrets.age"
# of the deployment and not of the machine: a new droplet does not begin to tell what was told
ALERTS = DATA / "bootstrap-alerts.json"
SERIES = DATA / "bootstrap-series.json"
# there while visitors are led to the page of a site in maintenance; what a redeploy brings along, too
MAINTENANCE = DATA / "bootstrap-maintenance.json"
# this machine does so; gone with a reboot, as the rules are
LED_AWAY = Path("/run/bootstrap-led-away")

# in the stack's folder
COMPOSE_FILE = "docker-compose.prod.yml"
ENV_FILE = ".env.production"
ENV_EXAMPLE = ".env.production.example"
# the stack's own, where it has one
MAINTENANCE_PAGE = "maintenance.html"


def stack_dir(directory: str) -> Path:
    """`directory` is that of `x-bootstrap`, or the stack's name."""
    return APPS / directory / "Docker"


def device_of(volume: str) -> Path:
    """Block storage, by the volume's name in the cloud."""
    return Path(f"/dev/disk/by-id/scsi-0DO_Volume_{volume}")

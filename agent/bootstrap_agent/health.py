"""How this droplet is, in one answer. Nothing here changes anything, and one part that fails hides no other."""

from __future__ import annotations

from bootstrap_agent import detour, volume
from bootstrap_agent.alerts import run as alerts
from bootstrap_agent.backup import age, archive
from bootstrap_agent.certificate import pair, renewal
from bootstrap_agent.compose import Compose, states
from bootstrap_agent.contract.answers import BackupAge, Certificate, Service, Status
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap


def status(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Status:
    data = volume.usage()
    healthy, services, services_error = _services(compose)
    found, certificate_error = _certificate(release, x)
    backup, backup_error = _backup(deployment)
    return Status(
        healthy=healthy and data.mounted,
        services=services,
        certificate=found,
        backup=backup,
        volume=data,
        archive=archive.read() if x.databases else None,
        services_error=services_error,
        certificate_error=certificate_error,
        backup_error=backup_error,
        alarms=alerts.standing(),
        maintenance=known.since if (known := detour.state()) else None,
    )


def _services(compose: Compose) -> tuple[bool, tuple[Service, ...], str | None]:
    services: tuple[Service, ...] = ()
    try:
        services = states(compose.containers())
        ready = {service.name for service in services if service.well}
        return ready >= set(compose.services()), services, None
    except BootstrapError as error:
        return False, services, error.message


def _certificate(release: Release, x: XBootstrap) -> tuple[Certificate | None, str | None]:
    try:
        found = pair.installed(release, x)
    except BootstrapError as error:
        return None, error.message
    return renewal.answer(found) if found else None, None


def _backup(deployment: Deployment) -> tuple[BackupAge, str | None]:
    try:
        return age.newest(deployment), None
    except BootstrapError as error:
        return BackupAge(None, None), error.message

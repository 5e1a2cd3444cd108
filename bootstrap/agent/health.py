"""How this droplet is, in one answer. Nothing here changes anything, and one part that fails hides no other."""

from __future__ import annotations

from typing import Any

from bootstrap.agent import certificate, volume
from bootstrap.agent.backup import age
from bootstrap.agent.compose import Compose
from bootstrap.agent.deployment import Deployment, Release
from bootstrap.agent.facts import Facts
from bootstrap.errors import BootstrapError


def status(release: Release, deployment: Deployment, facts: Facts, compose: Compose) -> dict[str, Any]:
    data = volume.usage()
    answer: dict[str, Any] = {"healthy": False, "services": [], "certificate": None}
    try:
        containers = compose.containers()
        answer["services"] = [container.answer() for container in containers]
        ready = {container.service for container in containers if container.ready}
        answer["healthy"] = bool(data["mounted"]) and ready >= set(compose.services())
    except BootstrapError as error:
        answer["services_error"] = error.message
    try:
        found = certificate.installed(release, facts)
        answer["certificate"] = found.answer() if found else None
    except BootstrapError as error:
        answer["certificate_error"] = error.message
    try:
        answer["backup"] = age.newest(deployment)
    except BootstrapError as error:
        answer["backup"] = {"last": None, "age_s": None}
        answer["backup_error"] = error.message
    answer["volume"] = data
    return answer

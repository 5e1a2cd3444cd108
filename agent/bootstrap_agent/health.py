"""How this droplet is, in one answer. Nothing here changes anything, and one part that fails hides no other."""

from __future__ import annotations

from typing import Any

from bootstrap_agent import certificate, volume
from bootstrap_agent.backup import age
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.deployment import Deployment, Release
from bootstrap_agent.facts import Facts


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

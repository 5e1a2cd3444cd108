"""What watches a deployment from outside: DigitalOcean's uptime check, and its alert policies where droplets carry the
metrics agent that these need. Found by name, as the firewall is. A redeploy changes nothing of it: the check asks for
the domain, and the policies go by the tag of the live droplet."""

from __future__ import annotations

from bootstrap.deployment import find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError

# in percent
POLICIES = {"cpu": 90, "memory": 90, "disk": 85}


def ensure(env: Environment, path: str, owner: str) -> None:
    """`owner` is the account's address: DigitalOcean mails nobody else but the account's members. A token without the
    right is told in a warning: the site is there without all this."""
    settings, name = env.settings, find.resource_name(env.settings)
    try:
        if settings.alerts.uptime_check:
            env.cloud.put_uptime_check(name, f"https://{settings.domain}{path}", owner)
        if settings.alerts.metrics_agent:
            _ensure_policies(env, name, owner)
    except CredentialsError as error:
        env.progress.warn(f"nobody watches {settings.domain} from outside: {error.message}; {error.remedy}")


def _ensure_policies(env: Environment, name: str, owner: str) -> None:
    there = {policy.metric for policy in env.cloud.alert_policies() if policy.name == name}
    for metric, percent in POLICIES.items():
        if metric not in there:
            env.cloud.create_alert_policy(name, metric, percent, find.tag(env.settings, find.LIVE), owner)


def drop(env: Environment) -> None:
    """First of all that goes: nobody is to be told of a site that is taken away on purpose."""
    name = find.resource_name(env.settings)
    try:
        for check in env.cloud.uptime_checks():
            if check.name == name:
                env.cloud.delete_uptime_check(check.id)
        for policy in env.cloud.alert_policies():
            if policy.name == name:
                env.cloud.delete_alert_policy(policy.id)
    except CredentialsError as error:
        env.progress.note(f"an uptime check or an alert policy {name} may be left: {error.message}")

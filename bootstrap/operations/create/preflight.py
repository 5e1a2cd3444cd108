"""What stops `create` before anything exists: rights of the token, room in the account, names that others have taken.

Only what this run still has to make counts: a deployment that is complete needs no room and no right to create.
"""

from __future__ import annotations

from bootstrap.deployment import find, hostkeys, rights
from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError
from bootstrap.ports.cloud import Account
from bootstrap.userdata import render


def check_rights(env: Environment) -> None:
    """Asks the cloud for what stands only when the token lacks something."""
    lacking = env.cloud.lacks(rights.needed(rights.CREATE, records=not env.settings.dns_elsewhere))
    if all(scope.endswith(":create") and not scope.startswith("tag:") for scope in lacking):
        lacking = _of_what_is_absent(env, lacking) if lacking else []
    if lacking:
        raise rights.may_not(lacking)


def _of_what_is_absent(env: Environment, scopes: list[str]) -> list[str]:
    deployment = find.find(env)
    present = {
        "droplet:create": deployment.live,
        "block_storage:create": deployment.volume,
        "reserved_ip:create": deployment.reserved_ip,
        "firewall:create": deployment.firewall,
        "domain:create": deployment.reserved_ip,
        # looked for only when a droplet is to be made
        "ssh_key:create": deployment.live,
        "vpc:create": deployment.live,
    }
    return [scope for scope in scopes if present.get(scope) is None]


def check(env: Environment, account: Account, held: find.Account, deployment: find.Deployment) -> None:
    _check_room(account, held, deployment)
    _check_names(env, held, deployment)
    if deployment.live is None:
        _check_user_data(env)


def _check_room(account: Account, held: find.Account, deployment: find.Deployment) -> None:
    if deployment.live is None:
        _room("droplets", len(held.droplets), account.droplet_limit)
    if deployment.volume is None and account.volume_limit is not None:
        _room("volumes", len(held.volumes), account.volume_limit)
    if deployment.reserved_ip is None and account.reserved_ip_limit is not None:
        _room("reserved IPs", len(held.reserved_ips), account.reserved_ip_limit)


def _room(what: str, used: int, limit: int) -> None:
    if used >= limit:
        raise ConflictError(
            f"the account's limit is {limit} {what}, and it has {used}",
            "delete one, or ask DigitalOcean for a higher limit",
        )


def _check_names(env: Environment, held: find.Account, deployment: find.Deployment) -> None:
    """Volume and firewall have fixed names: one that is not ours would be overwritten, or refuse ours half way."""
    name, tag = find.resource_name(env.settings), find.tag(env.settings)
    if deployment.firewall and tag not in deployment.firewall.tags:
        raise ConflictError(
            f"a firewall {name} exists that does not belong to {env.settings.domain}",
            f"rename it in the control panel, or give it the tag {tag} if it is ours",
        )
    taken = [volume for volume in held.volumes if (volume.name, volume.region) == (name, env.settings.region)]
    if deployment.volume is None and taken:
        raise ConflictError(
            f"a volume {name} exists in {taken[0].region} that does not carry the tag {tag}",
            f"tag it if its data belong to {env.settings.domain}, else delete it: it cannot be renamed",
        )


def _check_user_data(env: Environment) -> None:
    """All host keys are of one length, so what is too long now would be too long then."""
    key = hostkeys.generate()
    render.user_data(env.settings, key.private, key.public, key.public)

"""What stops a run before anything exists. A token that may make but not delete would leave all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bootstrap.adapters.dns import AuthorityNames
from bootstrap.cli.context import Endpoints
from bootstrap.deployment import rights
from bootstrap.errors import BootstrapError, ConflictError, CredentialsError, NotFoundError, UsageError
from bootstrap.settings.parts import SPACES_REGIONS, check_domain
from tools.verify.account import Account
from tools.verify.names import Run

# at once: two of the suite's, or the life's two and the one that it replaces
DROPLETS = 3
# nobody can register these
_RESERVED = ("test", "example", "invalid", "localhost")
_NOBODY = "00000000-0000-4000-8000-000000000000"
# where nothing is: 404 for whoever may delete, 403 for others
_DELETED = {
    "droplet:delete": "droplets/987654321",
    "block_storage:delete": f"volumes/{_NOBODY}",
    "reserved_ip:delete": "reserved_ips/198.51.100.222",
    "firewall:delete": f"firewalls/{_NOBODY}",
    "domain:delete": f"domains/{Run('0001010000-0000').label}.absent.example",
    "image:delete": "images/987654321",
    "snapshot:delete": "snapshots/987654321",
    "ssh_key:delete": "account/keys/987654321",
    "uptime:delete": f"uptime/checks/{_NOBODY}",
    "monitoring:delete": f"monitoring/alerts/{_NOBODY}",
    "tag:delete": "tags/bootstrap-verify-absent",
    "vpc:delete": f"vpcs/{_NOBODY}",
}


def domain_for(cloud: str, given: str | None) -> str:
    """The domain below which the run has its own."""
    if not given:
        raise UsageError("no domain given", "make verify-cloud DOMAIN=example.com")
    try:
        domain = check_domain(given)
        check_domain(f"{Run.new().label}.{domain}")
    except ValueError as error:
        raise UsageError(str(error), "DOMAIN=… with a shorter name") from None
    if cloud != "local":
        _check_delegated(domain)
    return domain


def _check_delegated(domain: str) -> None:
    if domain.rpartition(".")[2] in _RESERVED:
        raise UsageError(f"{domain} is nobody's domain", "make verify-cloud DOMAIN=… with one of yours")
    names, level = AuthorityNames(), domain
    while not (servers := names.name_servers(level)) and level.count(".") > 1:
        level = level.partition(".")[2]
    if not any(server.endswith(".digitalocean.com") for server in servers):
        raise UsageError(
            f"the name servers of {level} are {', '.join(servers) or 'unknown'}, not DigitalOcean's",
            "delegate it, or a name below it, to ns1.digitalocean.com, ns2 and ns3",
        )


def buckets(endpoints: Endpoints, regions: Sequence[str]) -> list[Any]:
    """S3 clients of boto3's, one a region; the local cloud has one region."""
    from bootstrap_agent.s3.client import COMMAND, connect

    if endpoints.spaces_credentials is None:
        raise CredentialsError(
            "no Spaces key: SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY are not set",
            "make one with access to all buckets: https://cloud.digitalocean.com/account/api/spaces",
        )
    key, secret = endpoints.spaces_credentials
    if local := endpoints.overrides.get("spaces"):
        where = {local["region"]: local["endpoint"]}
    else:
        where = {region: f"https://{region}.digitaloceanspaces.com" for region in regions}
    return [connect(endpoint, region, key, secret, COMMAND) for region, endpoint in where.items()]


def check(account: Account, s3: Sequence[Any], cloud: str, region: str) -> None:
    room = account.cloud.account().droplet_limit - len(account.cloud.droplets())
    if room < DROPLETS:
        raise ConflictError(
            f"the account has room for {room} more droplets, and {DROPLETS} are needed",
            "delete some, or ask DigitalOcean for a higher limit",
        )
    found = next((one for one in account.cloud.regions() if one.slug == region), None)
    if found is None or not found.available or not found.has_volumes:
        raise NotFoundError(f"region {region} takes no droplets and volumes now", "ARGS='--region fra1'")
    if cloud != "local" and region not in SPACES_REGIONS:
        raise NotFoundError(f"region {region} has no Spaces", f"one of {', '.join(SPACES_REGIONS)}")
    if lacking := [*account.cloud.lacks(rights.ALL), *(right for right in _DELETED if not _may_delete(account, right))]:
        raise rights.may_not(lacking)
    _check_buckets(s3)


def _may_delete(account: Account, right: str) -> bool:
    try:
        account.client.delete(_DELETED[right])
    except CredentialsError:
        return False
    except BootstrapError as error:
        # refused for another reason than the token
        if error.retryable:
            raise
    return True


def _check_buckets(s3: Sequence[Any]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for one in s3:
            one.list_buckets()
    except (BotoCoreError, ClientError) as error:
        raise CredentialsError(
            f"the Spaces key may not list buckets: {error}", "make one with access to all buckets"
        ) from None

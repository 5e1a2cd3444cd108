"""Values in, text out: the user-data of a droplet. A value that is missing is an error, never an empty string."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from bootstrap import shipped
from bootstrap.errors import RequirementError, UsageError
from bootstrap_agent.contract import deployment as contract
from bootstrap_agent.contract import form, paths

TEMPLATES = shipped.root() / "cloud-init"
# DigitalOcean's: "may not exceed 64 KiB" (its openapi.json at 7c1300c, user_data of a new droplet)
USER_DATA_LIMIT = 64 * 1024
ACME_CA_FILE = str(paths.ACME_CA)


class Acme(Protocol):
    @property
    def directory(self) -> str: ...
    @property
    def ca_pem(self) -> str | None: ...
    @property
    def profile(self) -> str | None: ...


class Backup(Protocol):
    @property
    def keep_daily(self) -> int: ...
    @property
    def keep_weekly(self) -> int: ...
    @property
    def keep_monthly(self) -> int: ...


class Deployment(Protocol):
    """What is rendered of the settings: none of it is secret."""

    @property
    def domain(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def key(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def contact(self) -> str: ...
    @property
    def acme(self) -> Acme: ...
    @property
    def backup(self) -> Backup: ...
    @property
    def alerts_to(self) -> str | None: ...
    @property
    def bucket(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def spaces_region(self) -> str: ...
    @property
    def spaces_endpoint(self) -> str: ...


def user_data(
    deployment: Deployment,
    host_private_key: str,
    host_public_key: str,
    ssh_public_key: str,
    recipient: str | None = None,
    people: Sequence[str] = (),
) -> str:
    """The host key is the one that is pinned before the first contact, and replaced right after it. `recipient` is whom
    backups are encrypted to; `people` are the lines of who else may log in."""
    text = _template("user-data.yaml.j2").render(
        slug=deployment.slug,
        host_private_key=host_private_key,
        host_public_key=host_public_key.strip(),
        ssh_public_key=ssh_public_key.strip(),
        people=people,
        deployment_json=form.encode(deployment_document(deployment, recipient), indent=2),
        deployment_file=paths.DEPLOYMENT,
        user=paths.USER,
        ca_pem=deployment.acme.ca_pem,
        ca_file=ACME_CA_FILE,
    )
    if (size := len(text.encode())) > USER_DATA_LIMIT:
        raise UsageError(
            f"user-data has {size} bytes, the cloud takes {USER_DATA_LIMIT}", "shorten `acme.ca_pem` in bootstrap.yaml"
        )
    return text


def deployment_document(deployment: Deployment, recipient: str | None) -> contract.Deployment:
    """deployment.json."""
    backup = deployment.backup
    keep = contract.Keep(backup.keep_daily, backup.keep_weekly, backup.keep_monthly)
    return contract.Deployment(
        domain=deployment.domain,
        names=deployment.names,
        key=deployment.key,
        volume=f"bootstrap-{deployment.slug}",
        acme=contract.Acme(
            deployment.acme.directory,
            deployment.contact,
            ACME_CA_FILE if deployment.acme.ca_pem else None,
            deployment.acme.profile,
        ),
        spaces=contract.Spaces(
            deployment.spaces_endpoint, deployment.spaces_region, deployment.bucket, deployment.prefix
        ),
        backup=contract.Backup(keep.daily, recipient, keep),
        alerts=contract.Alerts(deployment.alerts_to),
    )


@cache
def _template(name: str) -> Template:
    if not (TEMPLATES / name).exists():
        raise RequirementError(f"{TEMPLATES / name} is missing", "run bootstrap from a checkout of the project")
    # autoescape is for HTML; this is YAML, where `tojson` quotes
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(name)

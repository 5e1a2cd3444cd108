"""Parts of the settings, and what a value must be."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# a volume's name has at most 64 characters, `bootstrap-` included
_LONGEST_DOMAIN = 54
# letsencrypt.org/docs/rate-limits, read on 2026-11-29
_MOST_NAMES = 100
# https://docs.digitalocean.com/support/why-is-smtp-blocked/
BLOCKED_PORTS = (25, 465, 587)
IMPLICIT_TLS_PORT = 2465
PROVIDERS_PORTS = "use 2525 (Mailgun, Postmark, SendGrid, Brevo, Mailjet), 2465 with TLS (Resend) or 2587 (Amazon SES)"


def check_domain(value: str) -> str:
    """A name that droplet, volume and firewall are called after."""
    domain = check_name(value)
    if len(domain) > _LONGEST_DOMAIN:
        raise ValueError(f"{value!r} has more than {_LONGEST_DOMAIN} characters")
    return domain


def check_name(value: str) -> str:
    """Lower case ASCII: `Bücher.example` becomes `xn--bcher-kva.example`."""
    try:
        name = value.strip().rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{value!r} is not a domain name") from None
    labels = name.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{value!r} is not a domain name such as example.com")
    return name


def domain_first(names: tuple[str, ...], known: ValidationInfo) -> tuple[str, ...]:
    """Each name once, the site's own before the others."""
    own = known.data.get("domain")
    found = tuple(dict.fromkeys((own, *names))) if own else names
    if len(found) > _MOST_NAMES:
        raise ValueError(f"{len(found)} names, and a certificate is for {_MOST_NAMES} at most")
    return found


def usual_names(known: dict[str, Any]) -> tuple[str, ...]:
    """`www` belongs to what somebody can register: `example.co.uk`, and not `app.example.com`."""
    domain = known.get("domain")
    if domain is None:
        return ()
    if domain.count(".") > 1 and _suffixes().privatesuffix(domain) != domain:
        return (domain,)
    return (domain, f"www.{domain}")


@cache
def _suffixes() -> Any:
    """A tenth of a second for a list that most never need."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


LIFETIME = r"^[1-9][0-9]{0,3}[mhdw]$"


def lifetime(text: str) -> timedelta:
    """Of a text in the form of LIFETIME: 30m, 12h, 2d, 1w."""
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})


class Refused(ValueError):
    """A value that is well formed and of no use: with what to give instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def blocked(port: int) -> str:
    return f"DigitalOcean blocks {port} on every droplet, with a reserved IP too"


def _check_mail_port(port: int) -> int:
    if port in BLOCKED_PORTS:
        raise Refused(blocked(port), PROVIDERS_PORTS)
    return port


def _is_private(host: str) -> bool:
    """An address; of a name nobody knows where it leads."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _check_mail_tls(tls: bool, known: ValidationInfo) -> bool:
    """No password goes in the clear where it could be read. What is wrong with the other fields is told by them."""
    host, port, user = (known.data.get(name) for name in ("host", "port", "user"))
    if tls or not user or host is None or port == IMPLICIT_TLS_PORT or _is_private(host):
        return tls
    raise Refused(f"the password of {user} would go to {host} in the clear", "leave it out, or leave out `user`")


def check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """CIDR blocks; a single address becomes a block of one."""
    return tuple(str(ipaddress.ip_network(item)) for item in value)


def check_command(value: str) -> str:
    """No shell reads it: words, and quotes around them."""
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"a command's words: {str(error).lower()}") from None
    if not words:
        raise ValueError("a command is empty")
    return value


def one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def about(text: str, *, example: Any, unit: str | None = None, otherwise: str | None = None) -> Any:
    """What docs/settings.md says of a setting. `otherwise`: what stands in for it when it is absent, where the default
    alone would not tell."""
    return Field(description=text, examples=[example], json_schema_extra={"unit": unit, "otherwise": otherwise})


# terraform-provider-digitalocean, spaces_entities.go, 401992a, 2026-08-06
SPACES_REGIONS = ("ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1")


class SpacesSettings(Strict):
    """Where the backups go."""

    bucket: Annotated[
        Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")] | None,
        about(
            "Bucket of the backups; made when it does not exist.",
            example="example-com-backups",
            otherwise="`bootstrap-` and the domain with `-` for `.`",
        ),
    ] = None
    region: Annotated[
        str | None, about("Region of the bucket.", example="fra1", otherwise="the deployment's `region`")
    ] = None
    endpoint: Annotated[
        str | None,
        about(
            "Address of another S3 server.",
            example="https://s3.example.net",
            otherwise="`https://<region>.digitaloceanspaces.com`",
        ),
    ] = None


class AcmeSettings(Strict):
    """Which certificate authority is asked."""

    directory: Annotated[
        str,
        about("The authority's ACME directory.", example="https://acme-staging-v02.api.letsencrypt.org/directory"),
    ] = "https://acme-v02.api.letsencrypt.org/directory"
    profile: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None,
        about(
            "Kind of certificate, of those that the authority offers: Let's Encrypt's `shortlived` lasts six days. It "
            "counts for droplets made from now on and for the next certificate. One that is not offered is told, and "
            "the default taken: a site outlives a profile that is given up.",
            example="shortlived",
            otherwise="the authority's default",
        ),
    ] = None
    ca_pem: Annotated[
        str | None,
        about(
            "Certificate, as PEM text, that the directory's own TLS is verified with: for a private authority.",
            example="-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
            otherwise="the droplet's trusted roots",
        ),
    ] = None
    roots_file: Annotated[
        Path | None,
        about(
            "File with the roots that this computer verifies the site's certificate with: for a private authority.",
            example="/etc/ssl/private-roots.pem",
            otherwise="this computer's trusted roots",
        ),
    ] = None


class SmtpSettings(Strict):
    """The server that sends the stack's mail."""

    host: Annotated[str, Field(min_length=1), about("Name of the mail server.", example="smtp.example.net")]
    port: Annotated[
        int,
        Field(ge=1, le=65535),
        AfterValidator(_check_mail_port),
        about(
            "Its TCP port. 25, 465 and 587 are refused: DigitalOcean blocks them on every droplet, with a reserved IP "
            f"too. {PROVIDERS_PORTS[:1].upper()}{PROVIDERS_PORTS[1:]}.",
            example=2587,
        ),
    ] = 2525
    user: Annotated[str, about("Who logs in.", example="mailer", otherwise="nobody logs in")] = ""
    tls: Annotated[
        bool,
        AfterValidator(_check_mail_tls),
        about(
            "Encrypt with STARTTLS; on port 2465 from the first byte, as providers have it. `false` is for a server in "
            "a private network, by its address, or for one that nobody logs in to.",
            example=True,
        ),
    ] = True


class RegistrySettings(Strict):
    """Who pulls container images while an image is baked."""

    host: Annotated[
        str,
        Field(min_length=1),
        about("Name of the registry; `docker.io` is Docker Hub.", example="registry.example.com"),
    ] = "docker.io"
    user: Annotated[str, Field(min_length=1), about("Who pulls; the password is `REGISTRY_PASSWORD`.", example="ada")]


class BackupSettings(Strict):
    """All backups of the last two days stay; of those before the newest of so many days, weeks and months; and the last
    one always."""

    keep_daily: Annotated[
        int,
        Field(ge=1, le=3650),
        about(
            "Of so many days one backup stays, and to any second of them the databases can go back.",
            unit="days",
            example=14,
        ),
    ] = 7
    keep_weekly: Annotated[
        int, Field(ge=0, le=520), about("Of so many weeks one backup stays.", unit="weeks", example=8)
    ] = 4
    keep_monthly: Annotated[
        int, Field(ge=0, le=120), about("Of so many months one backup stays.", unit="months", example=12)
    ] = 6

    @model_validator(mode="before")
    @classmethod
    def _no_old_name(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "retention_days" in given:
            raise Refused("`retention_days` is now `keep_daily`", f"backup: {{keep_daily: {given['retention_days']}}}")
        return given


class AlertSettings(Strict):
    """Who hears when something is wrong."""

    email: Annotated[
        Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None,
        about(
            "Where the droplet mails its alarms, by the stack's own mail server.",
            example="ops@example.com",
            otherwise="`email`; without that, alarms are told by `status` and the ping only",
        ),
    ] = None
    uptime_check: Annotated[
        bool,
        about(
            "DigitalOcean asks for the site from outside and mails the account's owner; 1 USD a month.", example=False
        ),
    ] = True
    metrics_agent: Annotated[
        bool,
        about(
            "New droplets get DigitalOcean's metrics agent, and there are alert policies for processors, memory and "
            "disk, which need it.",
            example=True,
        ),
    ] = False


class PreviewSettings(Strict):
    """Small deployments of a branch each, thrown away by themselves."""

    domain: Annotated[
        str,
        AfterValidator(check_name),
        about("What their names end with; the zone that holds it must be there.", example="preview.example.com"),
    ]
    size: Annotated[
        str | None, about("DigitalOcean's size of their droplets.", example="s-1vcpu-2gb", otherwise="`size`")
    ] = None
    volume_size_gb: Annotated[int, Field(ge=1, le=16384), about("Size of their volumes.", unit="GiB", example=2)] = 5
    env_file: Annotated[
        Path | None,
        about(
            "File with their own values for `.env.production`; those of the site are not theirs.",
            example="preview.env",
            otherwise="the stack's example, and generated secrets",
        ),
    ] = None
    ttl: Annotated[
        Annotated[str, Field(pattern=LIFETIME)],
        about("How long one lives that is made without `--ttl`: minutes, hours, days or weeks.", example="12h"),
    ] = "2d"

"""Settings: flags over `bootstrap.yaml` over defaults, checked before anything is created."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from bootstrap.errors import UsageError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# a volume's name has at most 64 characters, `bootstrap-` included
_LONGEST_DOMAIN = 54
# https://docs.digitalocean.com/support/why-is-smtp-blocked/
BLOCKED_PORTS = (25, 465, 587)
IMPLICIT_TLS_PORT = 2465
PROVIDERS_PORTS = "use 2525 (Mailgun, Postmark, SendGrid, Brevo, Mailjet), 2465 with TLS (Resend) or 2587 (Amazon SES)"


def check_domain(value: str) -> str:
    """Lower case ASCII: `Bücher.example` becomes `xn--bcher-kva.example`."""
    try:
        domain = value.strip().rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{value!r} is not a domain name") from None
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{value!r} is not a domain name such as example.com")
    if len(domain) > _LONGEST_DOMAIN:
        raise ValueError(f"{value!r} has more than {_LONGEST_DOMAIN} characters")
    return domain


class _Refused(ValueError):
    """A value that is well formed and of no use: with what to give instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def blocked(port: int) -> str:
    return f"DigitalOcean blocks {port} on every droplet, with a reserved IP too"


def _check_mail_port(port: int) -> int:
    if port in BLOCKED_PORTS:
        raise _Refused(blocked(port), PROVIDERS_PORTS)
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
    raise _Refused(f"the password of {user} would go to {host} in the clear", "leave it out, or leave out `user`")


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """CIDR blocks; a single address becomes a block of one."""
    return tuple(str(ipaddress.ip_network(item)) for item in value)


def _one_or_many(value: Any) -> Any:
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


class KeepSettings(Strict):
    """All backups of the last two days stay, of those before the newest of so many days, weeks and months, and the last
    one always."""

    daily: Annotated[
        int,
        Field(ge=1, le=3650),
        about("Days of which one backup stays; to any second of them the databases can go back.", example=14),
    ] = 7
    weekly: Annotated[int, Field(ge=0, le=520), about("Weeks of which one backup stays.", example=8)] = 4
    monthly: Annotated[int, Field(ge=0, le=120), about("Months of which one backup stays.", example=12)] = 6


class BackupSettings(Strict):
    """How long backups stay."""

    keep: KeepSettings = KeepSettings()

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "retention_days" in given:
            raise _Refused("`retention_days` is now `keep`", f"backup: {{keep: {{daily: {given['retention_days']}}}}}")
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


class Settings(Strict):
    """What one deployment is made of."""

    domain: Annotated[
        str,
        AfterValidator(check_domain),
        about("The name to serve; `www.` before it leads to it too. At most 54 characters.", example="example.com"),
    ]
    region: Annotated[str, about("DigitalOcean's region of droplet and data volume.", example="fra1")] = "nyc3"
    size: Annotated[str, about("DigitalOcean's size of the droplet.", example="s-2vcpu-4gb")] = "s-2vcpu-2gb"
    email: Annotated[
        Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None,
        about(
            "Where the certificate authority may write to.", example="you@example.com", otherwise="`admin@` the domain"
        ),
    ] = None
    volume_size_gb: Annotated[
        int,
        Field(ge=1, le=16384),
        about("Size of a new data volume; one that exists keeps its own.", unit="GiB", example=50),
    ] = 10
    stack: Annotated[Path, about("Folder of the Compose file.", example="app")] = Path("stack")
    image: Annotated[
        int | None,
        about(
            "Id of the baked image: `bootstrap image list`.", example=12345, otherwise="the stack's newest that fits"
        ),
    ] = None
    ssh_key: Annotated[Path, about("Private SSH key; made when it does not exist.", example="~/.ssh/id_ed25519")] = (
        Path("~/.ssh/digitalocean")
    )
    ssh_from: Annotated[
        tuple[str, ...],
        BeforeValidator(_one_or_many),
        AfterValidator(_check_networks),
        about(
            "Networks that may use SSH, as CIDR blocks or single addresses.", example=["203.0.113.7", "2001:db8::/48"]
        ),
    ] = ("0.0.0.0/0", "::/0")
    recovery_key: Annotated[
        Path | None,
        about(
            "File of the key that opens backups, as age-keygen writes it; made when it does not exist. "
            "Keep a copy elsewhere.",
            example="~/secrets/recovery.key",
            otherwise="`~/.config/bootstrap/recovery.key`",
        ),
    ] = None
    env_file: Annotated[
        Path | None,
        about(
            "File with your own values for `.env.production`.",
            example=".env.production",
            otherwise="the stack's example, and generated secrets",
        ),
    ] = None
    boot_timeout_s: Annotated[
        int,
        Field(ge=5, le=3600),
        about("How long a new droplet may take until it answers over SSH.", unit="seconds", example=600),
    ] = 300
    dns_timeout_s: Annotated[
        int,
        Field(ge=1, le=3600),
        about(
            "How long the domain's name servers may take until they answer with the new records.",
            unit="seconds",
            example=300,
        ),
    ] = 120
    spaces: SpacesSettings = SpacesSettings()
    acme: AcmeSettings = AcmeSettings()
    backup: BackupSettings = BackupSettings()
    alerts: AlertSettings = AlertSettings()
    smtp: SmtpSettings | None = None
    registry: RegistrySettings | None = None

    @property
    def key(self) -> str:
        """The deployment's key in tags: one to one with the domain, as no label holds an underscore."""
        return self.domain.replace(".", "_")

    @property
    def slug(self) -> str:
        return self.domain.replace(".", "-")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.domain, f"www.{self.domain}")

    @property
    def contact(self) -> str:
        return self.email or f"admin@{self.domain}"

    @property
    def recovery_file(self) -> Path:
        """`recovery_key`, or the operator's own for all deployments."""
        config = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
        return (self.recovery_key or config / "bootstrap" / "recovery.key").expanduser()

    @property
    def alerts_to(self) -> str | None:
        """Not `contact`: nobody knows whether an address that was made up is read."""
        return self.alerts.email or self.email

    @property
    def bucket(self) -> str:
        return self.spaces.bucket or f"bootstrap-{self.slug}"[:63].rstrip("-")

    @property
    def spaces_region(self) -> str:
        return self.spaces.region or self.region

    @property
    def spaces_endpoint(self) -> str:
        return self.spaces.endpoint or f"https://{self.spaces_region}.digitaloceanspaces.com"

    @property
    def prefix(self) -> str:
        """Where the deployment's objects lie in its bucket."""
        return f"{self.key}/"


def load(file: Path, flags: Mapping[str, Any], endpoints: Mapping[str, Any]) -> Settings:
    """`endpoints` are the local cloud's: they win over the file, so a rehearsal never leaves this machine."""
    given = {name: value for name, value in flags.items() if value is not None}
    content = read(file)
    merged = _merge(_merge(content, endpoints), given)
    # a misspelt `domain` is named as such first
    if "domain" not in merged and merged.keys() <= Settings.model_fields.keys():
        raise UsageError("no domain given", f"--domain example.com, or `domain:` in {file}")
    try:
        if endpoints:
            # what they hide would fail in production only
            Settings.model_validate(_merge(content, given))
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _one_line(error, file, given) from None


def configured_domain(file: Path) -> str | None:
    domain = read(file).get("domain")
    return str(domain) if domain else None


def read(file: Path) -> dict[str, Any]:
    """bootstrap.yaml as it stands; paths in it are relative to its folder. Nothing when there is no file."""
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", "check --config and the file's mode") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where else ""
        raise UsageError(f"{file}:{line} not YAML: {getattr(error, 'problem', error)}", "mend that line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{file}: must hold keys and values, such as `domain: example.com`")
    for name in ("stack", "ssh_key", "recovery_key", "env_file"):
        if isinstance(content.get(name), str):
            content[name] = str(file.parent / Path(content[name]).expanduser())
    return content


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def _one_line(error: ValidationError, file: Path, flags: Mapping[str, Any]) -> UsageError:
    problems = error.errors(include_url=False)
    # an unknown name explains a missing one
    first = next((item for item in problems if item["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in first["loc"]]
    name = "--" + path[0].replace("_", "-").removesuffix("-gb") if path[0] in flags else f"{file}: {'.'.join(path)}"
    if first["type"] == "extra_forbidden":
        remedy = f"known: {', '.join(Settings.model_fields)}" if len(path) == 1 else "docs/settings.md has them all"
        return UsageError(f"{name}: there is no such setting", remedy)
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "model_type":
        problem = "must hold keys and values"
    if isinstance(cause := first.get("ctx", {}).get("error"), _Refused):
        return UsageError(f"{name}: {problem}", cause.remedy)
    return UsageError(f"{name}: {problem[:1].lower()}{problem[1:]}")

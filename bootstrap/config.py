"""Settings: flags over `bootstrap.yaml` over defaults, checked before anything is created."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpacesSettings(Strict):
    """`region` of the bucket; `endpoint` overrides https://<region>.digitaloceanspaces.com."""

    bucket: str | None = None
    region: str | None = None
    endpoint: str | None = None


class AcmeSettings(Strict):
    directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    # public certificate that signs the directory's own TLS, for a private authority
    ca_pem: str | None = None
    # roots that sign the issued certificates, when the system does not trust them
    roots_file: Path | None = None


class BackupSettings(Strict):
    retention_days: int = 7


class Settings(Strict):
    domain: str
    region: str = "nyc3"
    size: str = "s-2vcpu-2gb"
    email: str | None = None
    volume_size_gb: int = 10
    stack: Path = Path("stack")
    image: int | None = None
    ssh_key: Path = Path("~/.ssh/digitalocean")
    ssh_from: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    env_file: Path | None = None
    spaces: SpacesSettings = SpacesSettings()
    acme: AcmeSettings = AcmeSettings()
    backup: BackupSettings = BackupSettings()

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

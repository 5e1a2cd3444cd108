"""The hierarchy of the contract with the agent, and what only the operator's side tells apart."""

from __future__ import annotations

from bootstrap_agent.contract.errors import (
    BackupError,
    BootstrapError,
    Cancelled,
    CertificateError,
    CloudError,
    ConflictError,
    CredentialsError,
    HostError,
    NotFoundError,
    RequirementError,
    UnhealthyError,
    UsageError,
)

__all__ = [
    "BackupError",
    "BootstrapError",
    "Cancelled",
    "CertificateError",
    "CloudError",
    "CloudInitError",
    "ConflictError",
    "CredentialsError",
    "HostError",
    "HostKeyError",
    "KeptOutError",
    "KeyRefusedError",
    "NotFoundError",
    "RequirementError",
    "UnhealthyError",
    "UsageError",
]


class HostKeyError(HostError):
    """The host key offered is not the pinned one: stop before a secret leaves."""


class KeptOutError(HostError):
    """The machine is there, and SSH to it does not come through: another machine would be no better."""


class KeyRefusedError(HostError):
    """SSH answers, and does not know this computer's key."""


class CloudInitError(HostError):
    """Its user-data run once: this machine never gets right by waiting."""

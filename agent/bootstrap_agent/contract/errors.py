"""One hierarchy for both sides: every failure a person can meet has a class, an exit code and a remedy.

    BootstrapError ............ 1   anything not named below
    ├── UsageError ............ 2   flags, bootstrap.yaml, a value out of range
    ├── CredentialsError ...... 3   token or key missing, refused, or without the right
    ├── NotFoundError ......... 4   deployment, image, size, region, backup
    ├── ConflictError ......... 5   name taken, quota reached, another run under way
    ├── CloudError ............ 6   the provider answered with an error, or not at all
    ├── HostError ............. 7   SSH, host key, cloud-init, a command on the droplet
    ├── UnhealthyError ........ 8   the stack did not get healthy; traffic stays where it was
    ├── CertificateError ...... 9   the certificate authority refused or could not validate
    ├── BackupError .......... 10   a backup or a restore did not complete or verify
    ├── RequirementError ..... 11   this computer lacks something (root, disk, a tool)
    └── Cancelled ............ 12   the person said no

A message is one line: what failed, where, and (as `remedy`) what to do.
"""

from __future__ import annotations


class BootstrapError(Exception):
    """Base of all; `remedy` is a hint printed on a line of its own, `retryable` says whether the same
    call may succeed later without any change."""

    exit_code = 1
    # of the child process that failed, one line for a shell, without secrets
    command: str | None = None

    def __init__(self, message: str, remedy: str | None = None, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.retryable = retryable


class UsageError(BootstrapError):
    exit_code = 2


class CredentialsError(BootstrapError):
    exit_code = 3


class NotFoundError(BootstrapError):
    exit_code = 4


class ConflictError(BootstrapError):
    exit_code = 5


class CloudError(BootstrapError):
    exit_code = 6


class HostError(BootstrapError):
    exit_code = 7


class UnhealthyError(BootstrapError):
    exit_code = 8


class CertificateError(BootstrapError):
    exit_code = 9


class BackupError(BootstrapError):
    exit_code = 10


class RequirementError(BootstrapError):
    exit_code = 11


class Cancelled(BootstrapError):
    exit_code = 12

"""What Spaces answers, in our words: what failed, where, and the remedy that is true."""

from __future__ import annotations

from typing import Any

from bootstrap_agent.contract.errors import (
    BootstrapError,
    CloudError,
    ConflictError,
    CredentialsError,
    NotFoundError,
    RequirementError,
)

_WRONG_KEY = {
    "InvalidAccessKeyId": "does not know this access key",
    "SignatureDoesNotMatch": "says that the secret key does not belong to the access key",
}
_WRONG_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_CHECK_KEY = (
    "check SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY, or make a new key in the control panel; "
    "`bootstrap create` delivers it to the droplet"
)
_GIVE_RIGHTS = (
    "the key is limited to other buckets or to reading, or the bucket belongs to another account: give the key "
    "Read/Write/Delete on it, or name another bucket in `spaces.bucket`"
)


class DeniedError(CredentialsError):
    """The key is valid and lacks the right."""


def code(error: Exception) -> str:
    """Of an answer; empty when there was none."""
    said = getattr(error, "response", None)
    return str(said["Error"].get("Code") or "") if isinstance(said, dict) else ""


def told(error: Exception) -> str:
    """In the server's words. Ceph sends a code without a message, the answer to a HEAD has neither."""
    said: dict[str, Any] = error.response  # type: ignore[attr-defined]
    message, status = said["Error"].get("Message"), said["ResponseMetadata"].get("HTTPStatusCode")
    name = code(error)
    if name.isdigit():
        return f"HTTP {status} {message or ''}".strip()
    return f"{name}: {message}" if message else name


def translated(error: Exception, bucket: str, where: str, missing: BootstrapError | None = None) -> BootstrapError:
    """Of a ClientError or a BotoCoreError; `missing` is for an object that is not there."""
    name = code(error)
    if not name:
        certificate = "CERTIFICATE_VERIFY_FAILED" in str(error)
        remedy = "`spaces.endpoint` has no certificate that is trusted here" if certificate else _LATER
        return CloudError(f"{where}: {error}", remedy, retryable=not certificate)
    return _of_answer(error, name, bucket, where, missing)


_LATER = "is the endpoint reachable? https://status.digitalocean.com, then run the same command again"


def _of_answer(error: Exception, name: str, bucket: str, where: str, missing: BootstrapError | None) -> BootstrapError:
    response = error.response  # type: ignore[attr-defined]
    status, operation = response["ResponseMetadata"].get("HTTPStatusCode"), getattr(error, "operation_name", "")
    if name in _WRONG_KEY:
        return CredentialsError(f"{where}: Spaces {_WRONG_KEY[name]} ({name})", _CHECK_KEY)
    if name in _WRONG_CLOCK:
        return RequirementError(f"{where}: this machine's clock is wrong ({name})", "set it: `timedatectl`")
    if name == "BucketAlreadyExists":
        return taken(bucket)
    if status in (401, 403):
        return DeniedError(f"{where}: the key is valid and may not {operation} ({told(error)})", _GIVE_RIGHTS)
    if name == "NoSuchUpload":
        return CloudError(f"{where}: somebody else ended the upload", "run the same command again", retryable=True)
    if status == 404:
        if name != "NoSuchBucket" and missing:
            return missing
        what = f"there is no bucket {bucket}" if name == "NoSuchBucket" else "not found"
        return NotFoundError(
            f"{where}: {what}", "check `spaces.bucket` and `spaces.region`; `bootstrap create` makes the bucket"
        )
    busy = status is None or status >= 500 or status == 429
    return CloudError(f"{where}: {operation}: {told(error)}", _LATER if busy else None, retryable=busy)


def taken(bucket: str) -> BootstrapError:
    return ConflictError(
        f"Spaces bucket {bucket} belongs to another account",
        "names are shared by all accounts: choose another one in `spaces.bucket`",
    )

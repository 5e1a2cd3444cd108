"""What went wrong, as an error of ours: its class, the HTTP status in its message, and whether it may be repeated."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import requests

from bootstrap.errors import BootstrapError, CloudError, ConflictError, CredentialsError, NotFoundError

PROXY = "is this DigitalOcean's API, without a proxy?"
UNREACHABLE = "is the API reachable? run the same command again"


class Refused(CloudError):
    """The request had no effect for certain: 429, a pending event, no connection. Any method may be repeated."""

    def __init__(self, message: str, remedy: str | None = None, after_s: float | None = None) -> None:
        super().__init__(message, remedy, retryable=True)
        self.after_s = after_s


class Taken(ConflictError):
    """There is one already: of that name, or there."""


class Pending(Refused):
    """Another event of the droplet has not ended: it may take minutes, and is nobody's failure."""


def lost(message: str) -> CloudError:
    """The request may have had its effect: whoever created something looks before it asks once more."""
    return CloudError(message, UNREACHABLE, retryable=True)


def unsent(what: str, error: requests.RequestException) -> CloudError:
    """No answer came to the request `what`."""
    early = requests.exceptions.ConnectTimeout | requests.exceptions.SSLError
    if isinstance(error, early):
        return Refused(f"{what}: no connection: {_brief(error)}", UNREACHABLE)
    if isinstance(error, requests.exceptions.ConnectionError) and "NewConnectionError" in repr(error):
        return Refused(f"{what}: {_brief(error)}", UNREACHABLE)
    return lost(f"{what}: {_brief(error)}")


def failure(what: str, answer: requests.Response) -> BootstrapError:
    """The API's answer to the request `what` is an error."""
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        # a proxy's page; the reason says as much
        said = ""
    status = answer.status_code
    message = f"{what}: {said or answer.reason} (HTTP {status})"
    if status == 401:
        return CredentialsError(f"the API token was refused: {said}", "check DIGITALOCEAN_TOKEN")
    if status == 403:
        return CredentialsError(message, "the token lacks a right: https://cloud.digitalocean.com/account/api/tokens")
    if status == 404:
        return NotFoundError(message)
    if status == 429:
        after_s = _retry_after(answer.headers, time.time())
        when = f"in {_duration(after_s)}" if after_s else "in a minute"
        return Refused(message, f"the API's rate limit is reached: run the same command again {when}", after_s)
    if status >= 500:
        return CloudError(message, "https://status.digitalocean.com, then run the same command again", retryable=True)
    if status == 422 and "pending event" in said.lower():
        return Pending(message, "something else is under way there: run the same command again")
    if "limit" in said.lower():
        return ConflictError(message)
    if status == 409 or any(word in said.lower() for word in ("already", "in use")):
        return Taken(message)
    return CloudError(message)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """DigitalOcean sends seconds; a proxy before it may send a date; without either, the hour's limit has an end."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        reset = headers.get("ratelimit-reset", "")
    return max(0.0, float(reset) - now) if headers.get("ratelimit-remaining") == "0" and reset.isdigit() else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _brief(error: Exception) -> str:
    """requests nests three exceptions in one text; the last says what happened."""
    return str(error).rsplit(": ", 1)[-1].strip("()'\" ") or type(error).__name__

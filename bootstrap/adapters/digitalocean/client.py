"""python-digitalocean's transport with what it lacks: time-outs, retries, rate limits, errors with their status.

Its resource classes lose the HTTP status and send POST without a session, so only `BaseAPI.get_data` is used, with its
end point, token and pagination. Every request of it passes through one method, which is replaced here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin

import digitalocean
import requests
import stamina
from digitalocean.baseapi import DELETE, GET, POST, PUT

from bootstrap.errors import BootstrapError, CloudError, ConflictError, CredentialsError, NotFoundError

T = TypeVar("T")

# its own hook logs each retry without saying of what; `Client` tells the first one of each request
stamina.instrumentation.set_on_retry_hooks([])

UNREACHABLE = "is the API reachable? run the same command again"


@dataclass(frozen=True)
class Patience:
    """For how many seconds: a connection, an answer, one request with its repetitions, one action. `command_s` is what
    all repetitions of a command may cost together: an API that fails every second time would hold it for hours."""

    connect_s: float = 10
    read_s: float = 60
    request_s: float = 120
    action_s: float = 600
    command_s: float = 600
    # before the first repetition; it doubles, and up to `jitter_s` comes on top
    pause_s: float = 0.1
    jitter_s: float = 1


class _Refused(CloudError):
    """The request had no effect for certain: 429, a pending event, no connection. Any method may be repeated."""

    def __init__(self, message: str, remedy: str | None = None, after_s: float | None = None) -> None:
        super().__init__(message, remedy, retryable=True)
        self.after_s = after_s


class _Content(dict[str, Any]):
    """An answer's JSON: one without what every answer to this question holds is no answer of the API."""

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise CloudError(f"{self._path}: the answer holds no {key}", "is this DigitalOcean's API, without a proxy?")


class Client(digitalocean.Manager):  # type: ignore[misc]
    def __init__(
        self, token: str, api: str, note: Callable[[str], None] = lambda _: None, patience: Patience | None = None
    ) -> None:
        super().__init__(token=token, end_point=api.rstrip("/") + "/v2/")
        self._note = note
        self.patience = patience or Patience()
        # by failed requests and the pauses after them, of `patience.command_s`
        self._lost_s = 0.0

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return _Content(path, self.get_data(path, GET, {name: value for name, value in query.items() if value}))

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            return self.get(path)
        except NotFoundError:
            return None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises a retryable CloudError when it may or may not have happened: see `create`."""
        answer = self.get_data(path, POST, body)
        return _Content(path, answer if isinstance(answer, dict) else {})

    def refused(self, path: str) -> None:
        """POST of nothing at all, which can only be refused: CredentialsError when the token is why."""
        try:
            # it has no effect, so it may be repeated
            self.create(lambda: self.post(path, {}), lambda: None)
        except BootstrapError as error:
            if isinstance(error, CredentialsError) or error.retryable:
                raise

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _Content(path, self.get_data(path, PUT, body))

    def delete(self, path: str, body: dict[str, Any] | None = None) -> None:
        """Succeeds when it is already gone."""
        try:
            self.get_data(path, DELETE, body or {})
        except NotFoundError:
            return

    def create(self, make: Callable[[], T], look: Callable[[], T | None]) -> T:
        """A create whose answer got lost may have happened: looks before it asks once more."""
        for attempt in self._attempts(_uncertain):
            with attempt:
                if attempt.num == 1:
                    return make()
                if (found := look()) is not None:
                    return found
                try:
                    return make()
                except ConflictError:
                    # lists may be a moment behind: the name is taken by the one that seemed lost
                    if (found := look()) is not None:
                        return found
                    raise
        raise AssertionError("it returns or raises")

    def act(self, path: str, body: dict[str, Any], done: Callable[[], object], timeout_s: float) -> None:
        """Starts an action and waits for it; `done` is asked when the answer to the start got lost."""
        answer = self.create(lambda: self.post(path, body), lambda: {} if done() else None)
        if "action" in answer:
            self.wait_for_action(answer["action"]["id"], timeout_s)

    def wait_for_action(self, action_id: int, timeout_s: float) -> None:
        def finished() -> bool:
            action = self.get(f"actions/{action_id}")["action"]
            if action["status"] == "errored":
                raise CloudError(
                    f"{action['type']} of {action['resource_type']} {action['resource_id']} failed at the provider",
                    "run the same command again",
                )
            return bool(action["status"] == "completed")

        self.wait_until(finished, f"action {action_id}", timeout_s)

    def wait_until(self, look: Callable[[], T | None], what: str, timeout_s: float) -> T:
        """The first answer that is true."""
        timeout_s = min(timeout_s, self.patience.action_s)
        deadline, pause = time.monotonic() + timeout_s, 0.2
        while not (found := look()):
            if time.monotonic() > deadline:
                raise CloudError(f"{what} is not finished after {timeout_s:.0f} s", "run the same command again")
            time.sleep(pause)
            # quick at first for what is quick; then 20 a minute, of the 250 that are allowed
            pause = min(3.0, pause * 1.5)
        return found

    def _BaseAPI__perform_request(self, url: str, type: str = GET, params: Any = None) -> requests.Response:
        for attempt in self._attempts(_refused if type == POST else _uncertain):
            with attempt:
                return self._send(type, urljoin(self.end_point, url), params or {})
        raise AssertionError("it returns or raises")

    def _attempts(self, retryable: Callable[[Exception], bool | float]) -> Any:
        """For as long as the request's and the command's patience last. Whoever waits wants to know why: told once."""
        told, since = False, time.monotonic()
        deadline = since + self.patience.request_s

        def hook(error: Exception) -> bool | float:
            nonlocal told, since
            again = retryable(error)
            if again is False:
                return False
            now = time.monotonic()
            self._lost_s, since = self._lost_s + now - since, now
            left = min(deadline - now, self.patience.command_s - self._lost_s)
            if left <= (0 if again is True else again):
                return False
            if not told:
                told = True
                self._note(f"{error}; trying again for up to {left:.0f} s")
            return again

        # the hook alone decides when it ends
        return stamina.retry_context(
            on=hook,
            attempts=None,
            timeout=None,
            wait_initial=self.patience.pause_s,
            wait_max=30,
            wait_jitter=self.patience.jitter_s,
        )

    def _send(self, method: str, url: str, params: dict[str, Any]) -> requests.Response:
        payload: dict[str, Any] = {"params": params} if method == GET else {"json": params}
        if not url.startswith(self.end_point):
            raise CloudError(f"the API's next page is at {url.split('?')[0]}: the token does not go there")
        path = url.removeprefix(self.end_point)
        try:
            answer: requests.Response = self._session.request(
                method,
                url,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=(self.patience.connect_s, self.patience.read_s),
                **payload,
            )
        except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise _Refused(f"{method} {path}: no connection: {_brief(error)}", UNREACHABLE) from None
        except requests.exceptions.ConnectionError as error:
            if "NewConnectionError" in repr(error):
                raise _Refused(f"{method} {path}: {_brief(error)}", UNREACHABLE) from None
            raise _lost(f"{method} {path}: {_brief(error)}") from None
        except requests.exceptions.RequestException as error:
            raise _lost(f"{method} {path}: {_brief(error)}") from None
        if not answer.ok:
            raise _failure(method, path, answer)
        if answer.status_code != 204 and not _is_json(answer):
            # a proxy's page; what it stands for may have happened
            raise _lost(f"{method} {path.split('?')[0]}: the answer is no JSON (HTTP {answer.status_code})")
        return answer


def _lost(message: str) -> CloudError:
    return CloudError(message, UNREACHABLE, retryable=True)


def _is_json(answer: requests.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _failure(method: str, path: str, answer: requests.Response) -> BootstrapError:
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        # a proxy's page; the reason says as much
        said = ""
    status = answer.status_code
    message = f"{method} {path.split('?')[0]}: {said or answer.reason} (HTTP {status})"
    if status == 401:
        return CredentialsError(f"the API token was refused: {said}", "check DIGITALOCEAN_TOKEN")
    if status == 403:
        return CredentialsError(message, "the token lacks a right: https://cloud.digitalocean.com/account/api/tokens")
    if status == 404:
        return NotFoundError(message)
    if status == 429:
        after_s = _retry_after(answer.headers, time.time())
        when = f"in {_duration(after_s)}" if after_s else "in a minute"
        return _Refused(message, f"the API's rate limit is reached: run the same command again {when}", after_s)
    if status >= 500:
        return CloudError(message, "https://status.digitalocean.com, then run the same command again", retryable=True)
    if status == 422 and "pending event" in said.lower():
        return _Refused(message, "something else is under way there: run the same command again")
    if status == 409 or any(word in said.lower() for word in ("already", "limit", "in use")):
        return ConflictError(message)
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


def _refused(error: Exception) -> bool | float:
    """Backoff hook: whether to try again, or after how many seconds."""
    if not isinstance(error, _Refused):
        return False
    # clients that were refused together do not come back together
    return error.after_s + random.uniform(0, 0.5) if error.after_s is not None else True  # noqa: S311


def _uncertain(error: Exception) -> bool | float:
    return _refused(error) or (isinstance(error, CloudError) and error.retryable)


def _brief(error: Exception) -> str:
    """requests nests three exceptions in one text; the last says what happened."""
    return str(error).rsplit(": ", 1)[-1].strip("()'\" ") or type(error).__name__

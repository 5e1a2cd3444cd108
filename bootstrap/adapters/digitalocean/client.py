"""python-digitalocean's transport with what it lacks: time-outs, retries, rate limits, errors with their status.

Its resource classes lose the HTTP status and send POST without a session, so only `BaseAPI.get_data` is used, with its
end point, token and pagination. Every request of it passes through one method, which is replaced here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
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

CONNECT_S, READ_S = 10, 60
RETRY_S = 120
ACTION_S = 600


class _Refused(CloudError):
    """The request had no effect for certain: 429, a pending event, no connection. Any method may be repeated."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message, retryable=True)
        self.after_s = after_s


class Client(digitalocean.Manager):  # type: ignore[misc]
    def __init__(self, token: str, api: str, note: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(token=token, end_point=api.rstrip("/") + "/v2/")
        self._note = note

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.get_data(path, GET, {name: value for name, value in query.items() if value})
        return answer

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            return self.get(path)
        except NotFoundError:
            return None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises a retryable CloudError when it may or may not have happened: see `create`."""
        answer = self.get_data(path, POST, body)
        return answer if isinstance(answer, dict) else {}

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.get_data(path, PUT, body)
        return answer

    def delete(self, path: str, body: dict[str, Any] | None = None) -> None:
        """Succeeds when it is already gone."""
        try:
            self.get_data(path, DELETE, body or {})
        except NotFoundError:
            return

    def create(self, make: Callable[[], T], look: Callable[[], T | None]) -> T:
        """A create whose answer got lost may have happened: looks before it asks once more."""
        for attempt in stamina.retry_context(on=self._told(_uncertain), attempts=None, timeout=RETRY_S):
            with attempt:
                if attempt.num > 1 and (found := look()) is not None:
                    return found
                return make()
        raise AssertionError("retry_context returns or raises")

    def act(self, path: str, body: dict[str, Any], done: Callable[[], bool], timeout_s: float = ACTION_S) -> None:
        """Starts an action and waits for it; `done` is asked when the answer to the start got lost."""
        answer = self.create(lambda: self.post(path, body), lambda: {} if done() else None)
        if "action" in answer:
            self.wait_for_action(answer["action"]["id"], timeout_s)

    def wait_for_action(self, action_id: int, timeout_s: float = ACTION_S) -> None:
        def finished() -> bool:
            action = self.get(f"actions/{action_id}")["action"]
            if action["status"] == "errored":
                raise CloudError(
                    f"{action['type']} of {action['resource_type']} {action['resource_id']} failed at the provider",
                    "run the same command again",
                )
            return bool(action["status"] == "completed")

        self.wait_until(finished, f"action {action_id}", timeout_s)

    def wait_until(self, done: Callable[[], bool], what: str, timeout_s: float = ACTION_S) -> None:
        deadline, pause = time.monotonic() + timeout_s, 0.2
        while not done():
            if time.monotonic() > deadline:
                raise CloudError(f"{what} is not finished after {timeout_s:.0f} s", "run the same command again")
            time.sleep(pause)
            # quick at first for what is quick; then 20 a minute, of the 250 that are allowed
            pause = min(3.0, pause * 1.5)

    def _BaseAPI__perform_request(self, url: str, type: str = GET, params: Any = None) -> requests.Response:
        retryable = _refused if type == POST else _uncertain
        for attempt in stamina.retry_context(on=self._told(retryable), attempts=None, timeout=RETRY_S, wait_max=30):
            with attempt:
                return self._send(type, urljoin(self.end_point, url), params or {})
        raise AssertionError("retry_context returns or raises")

    def _told(self, retryable: Callable[[Exception], bool | float]) -> Callable[[Exception], bool | float]:
        """Whoever waits two minutes wants to know why; once is enough."""
        told = False

        def hook(error: Exception) -> bool | float:
            nonlocal told
            again = retryable(error)
            if again and not told:
                told = True
                self._note(f"{error}; trying again for up to {RETRY_S} s")
            return again

        return hook

    def _send(self, method: str, url: str, params: dict[str, Any]) -> requests.Response:
        payload: dict[str, Any] = {"params": params} if method == GET else {"json": params}
        path = url.removeprefix(self.end_point)
        try:
            answer: requests.Response = self._session.request(
                method,
                url,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=(CONNECT_S, READ_S),
                **payload,
            )
        except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise _Refused(f"{method} {path}: no connection: {_brief(error)}") from None
        except requests.exceptions.ConnectionError as error:
            refused = "NewConnectionError" in repr(error)
            kind = _Refused if refused else _lost
            raise kind(f"{method} {path}: {_brief(error)}") from None
        except requests.exceptions.RequestException as error:
            raise _lost(f"{method} {path}: {_brief(error)}") from None
        if not answer.ok:
            raise _failure(method, path, answer)
        return answer


def _lost(message: str) -> CloudError:
    return CloudError(message, "is the API reachable? run the same command again", retryable=True)


def _failure(method: str, path: str, answer: requests.Response) -> BootstrapError:
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        said = answer.text[:200]
    status = answer.status_code
    message = f"{method} {path.split('?')[0]}: {said or answer.reason} (HTTP {status})"
    if status == 401:
        return CredentialsError(f"the API token was refused: {said}", "check DIGITALOCEAN_TOKEN")
    if status == 403:
        return CredentialsError(message, "the token needs read and write rights for this")
    if status == 404:
        return NotFoundError(message)
    if status == 429:
        return _Refused(message, _retry_after(answer))
    if status >= 500:
        return CloudError(message, "https://status.digitalocean.com, then run the same command again", retryable=True)
    if status == 422 and "pending event" in said.lower():
        return _Refused(message)
    if status == 409 or any(word in said.lower() for word in ("already", "limit", "in use")):
        return ConflictError(message)
    return CloudError(message)


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds, as DigitalOcean sends them."""
    value = answer.headers.get("retry-after", "")
    return min(float(value), RETRY_S) if value.isdigit() else None


def _refused(error: Exception) -> bool | float:
    """Backoff hook: whether to try again, or after how many seconds."""
    if not isinstance(error, _Refused):
        return False
    return error.after_s if error.after_s is not None else True


def _uncertain(error: Exception) -> bool | float:
    return _refused(error) or (isinstance(error, CloudError) and error.retryable)


def _brief(error: Exception) -> str:
    """requests nests three exceptions in one text; the last says what happened."""
    return str(error).rsplit(": ", 1)[-1].strip("()'\" ") or type(error).__name__

"""The verbs of DigitalOcean's API: lookups, creates that double nothing, and actions that are waited for.

The requests are ours (`transport.py`), as python-digitalocean's own lose the HTTP status and send POST without a
session, so without time-outs of ours. Of python-digitalocean `convert.py` uses the resource classes, made from an
answer's JSON by their public constructors; nothing else of it, so that only a class that goes away could break this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bootstrap.adapters.digitalocean.failures import PROXY, Forbidden, Refused, Taken
from bootstrap.adapters.digitalocean.patience import Patience, uncertain
from bootstrap.adapters.digitalocean.transport import Transport
from bootstrap.errors import BootstrapError, CloudError, ConflictError, CredentialsError, NotFoundError

T = TypeVar("T")


class _Content(dict[str, Any]):
    """An answer's JSON: one without what every answer to this question holds is no answer of the API."""

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise CloudError(f"{self._path}: the answer holds no {key}", PROXY)


class Client:
    def __init__(
        self, token: str, api: str, note: Callable[[str], None] = lambda _: None, patience: Patience | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._transport = Transport(token, api, note, self._patience)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Every page; `query` without what is empty."""
        return _Content(path, self._transport.pages(path, {name: value for name, value in query.items() if value}))

    def headers(self, path: str) -> Mapping[str, str]:
        """What an answer says beside its content, such as how many requests are left; `path` is a list's."""
        return self._transport.headers(path)

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            return self.get(path)
        except NotFoundError:
            return None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises a retryable CloudError when it may or may not have happened: see `create`."""
        return _Content(path, self._transport.request("POST", path, body))

    def may(self, method: str, path: str) -> bool:
        """Whether the token has the right to it: asked with an empty body, of what cannot have an effect."""
        try:
            self._transport.harmless(method, path)
        except Forbidden:
            return False
        except BootstrapError as error:
            # what is not there, what lacks a field; an API that is ill says nothing of the token
            if isinstance(error, (CredentialsError, Refused)):
                raise
        return True

    def may_everything(self) -> bool:
        """Whether this is known of the token; False tells nothing."""
        return "write" in self._transport.scopes_told()

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _Content(path, self._transport.request("PUT", path, body))

    def delete(self, path: str, body: dict[str, Any] | None = None) -> None:
        """Succeeds when it is already gone."""
        try:
            self._transport.request("DELETE", path, body)
        except NotFoundError:
            return

    def create(
        self, make: Callable[[], T], look: Callable[[], T | None], *, in_lists: bool = False, unique: bool = False
    ) -> T:
        """A create whose answer got lost may have happened: looks before it asks once more; for as long as lists may
        be behind, where `look` reads one. `unique`: who is refused because there is one has found what an earlier
        process made, and no list may show that yet."""
        lost = False

        def tried() -> T:
            nonlocal lost
            try:
                return make()
            except BootstrapError as error:
                lost = lost or (error.retryable and not isinstance(error, Refused))
                raise

        def seen() -> T | None:
            return self.listed(look) if in_lists and lost else look()

        for attempt in self._transport.attempts.of_request(uncertain):
            with attempt:
                if attempt.num > 1 and (found := seen()) is not None:
                    return found
                try:
                    return tried()
                except ConflictError as error:
                    # the name is taken by the one that seemed lost, or by an earlier process's
                    lost = lost or (unique and isinstance(error, Taken))
                    if (attempt.num > 1 or lost) and (found := seen()) is not None:
                        return found
                    raise
        raise AssertionError("it returns or raises")

    def listed(self, look: Callable[[], T | None]) -> T | None:
        """What `look` reads in a list, for as long as lists may be behind what was created."""
        deadline = time.monotonic() + self._patience.lists_s
        while (found := look()) is None and time.monotonic() < deadline:
            time.sleep(min(1.0, self._patience.lists_s / 10))
        return found

    def act(self, path: str, body: dict[str, Any], done: Callable[[], object], timeout_s: float) -> None:
        """Starts an action and waits for it."""
        self.begin(path, body, done, timeout_s)()

    def begin(
        self, path: str, body: dict[str, Any], done: Callable[[], object], timeout_s: float
    ) -> Callable[[], None]:
        """Starts an action; what is returned waits for it. `done` says whether its goal is reached, and counts more
        than the action's own word: it is asked when an answer got lost, when the start is refused, when the action
        failed."""
        try:
            answer = self.create(lambda: self.post(path, body), lambda: {} if done() else None)
        except BootstrapError as error:
            # such as "already attached" and "Attachment not found"
            if error.retryable or isinstance(error, CredentialsError) or not done():
                raise
            return lambda: None
        if "action" not in answer:
            return lambda: None
        return lambda: self.wait_for_action(answer["action"]["id"], timeout_s, done)

    def wait_for_action(self, action_id: int, timeout_s: float, done: Callable[[], object] = lambda: False) -> None:
        """A new one may not be known yet: then its goal tells."""

        def finished() -> bool:
            known = self.find(f"actions/{action_id}")
            if known is None:
                return bool(done())
            action = known["action"]
            if action["status"] == "errored" and not done():
                raise CloudError(
                    f"{action['type']} of {action['resource_type']} {action['resource_id']} failed at the provider",
                    "run the same command again",
                )
            return bool(action["status"] != "in-progress")

        self.wait_until(finished, f"action {action_id}", timeout_s)

    def wait_until_quiet(self, look: Callable[[], T | None], what: str) -> T:
        """As long as the provider's own clients wait for pending events."""
        return self._wait(look, f"what is under way at {what}", self._patience.pending_s)

    def wait_until(self, look: Callable[[], T | None], what: str, timeout_s: float) -> T:
        """The first answer that is true."""
        return self._wait(look, what, min(timeout_s, self._patience.action_s))

    def _wait(self, look: Callable[[], T | None], what: str, timeout_s: float) -> T:
        deadline, pause = time.monotonic() + timeout_s, 0.2
        while not (found := look()):
            if time.monotonic() > deadline:
                raise CloudError(f"{what} is not finished after {timeout_s:.0f} s", "run the same command again")
            time.sleep(pause)
            # quick at first for what is quick; then 20 a minute, of the 250 that are allowed
            pause = min(3.0, pause * 1.5)
        return found

"""By mail, through the stack's own server, into a chat, and by the ping URL: whoever hears no ping raises the alarm."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable

import msgspec

from bootstrap_agent.alerts.decide import Letter
from bootstrap_agent.alerts.memory import State
from bootstrap_agent.contract.chat import message
from bootstrap_agent.contract.errors import BootstrapError

PING_S = 10
# of a server that takes none for months: the newest tell enough
WAITING = 50


def sent(
    state: State, letter: Letter | None, post: Callable[[Letter], object] | None, remember: Callable[[State], None]
) -> State:
    """The oldest first, until the server takes no more; what it did not take waits for the next time. Remembered after
    each, so that a kill repeats one at most. Without `post` there is nobody to tell by mail."""
    outbox = () if post is None else (*state.outbox, *([letter] if letter else ()))[-WAITING:]
    state = msgspec.structs.replace(state, outbox=outbox, problem=None)
    remember(state)
    while post is not None and state.outbox:
        try:
            post(state.outbox[0])
        except BootstrapError as error:
            state = msgspec.structs.replace(state, problem=error.message)
            remember(state)
            break
        state = msgspec.structs.replace(state, outbox=state.outbox[1:])
        remember(state)
    return state


def ping(url: str, well: bool = True) -> str | None:
    """Why it was not heard, in one line without the URL, which is a secret; None when it was."""
    return _asked(lambda: url if well else f"{url.rstrip('/')}/fail")


def chat(url: str, domain: str, letter: Letter) -> str | None:
    """The same of a webhook: the letter as JSON (docs/everyday.md)."""
    body = message(f"{letter.subject}\n{letter.text}", "alarm", {"domain": domain})

    def request() -> urllib.request.Request:
        return urllib.request.Request(  # noqa: S310
            url, json.dumps(body).encode(), {"Content-Type": "application/json", "User-Agent": "bootstrap"}
        )

    return _asked(request)


def _asked(request: Callable[[], str | urllib.request.Request]) -> str | None:
    try:
        # the CLI delivers http and https only
        with urllib.request.urlopen(request(), timeout=PING_S):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return getattr(reason, "strerror", None) or type(reason).__name__

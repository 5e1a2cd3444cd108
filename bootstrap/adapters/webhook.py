"""One JSON document to a chat's incoming webhook."""

from __future__ import annotations

from collections.abc import Mapping

SECONDS = 10


def post(url: str, body: Mapping[str, object]) -> str | None:
    """Why it was not taken, in one line without the URL, which is a secret; None when it was."""
    import httpx

    try:
        answer = httpx.post(url, json=dict(body), timeout=SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return None if answer.is_success else f"status {answer.status_code}"

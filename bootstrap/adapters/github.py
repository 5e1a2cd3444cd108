"""The public SSH keys that somebody shows at GitHub."""

from __future__ import annotations

import re

from bootstrap.errors import NotFoundError, RequirementError, UsageError

GITHUB = "https://github.com"
TIMEOUT_S = 15
# https://docs.github.com/en/enterprise-cloud@latest/admin: letters, digits and single hyphens, 39 at most
_USER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


def keys_of(user: str, url: str = GITHUB) -> str:
    """One a line, without names; RequirementError where GitHub is not reached."""
    import httpx

    if not _USER.fullmatch(user):
        raise UsageError(f"{user!r} is no name of a user of GitHub", "github:ada")
    where = f"{url}/{user}.keys"
    by_hand = f"save {where} as a file, look at it, then: bootstrap access add {user}.pub"
    try:
        answer = httpx.get(where, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RequirementError(f"{where} is not reached: {type(error).__name__}", by_hand) from None
    if answer.status_code == 404:
        raise NotFoundError(f"GitHub knows no user {user}", "is it spelt so?")
    if not answer.is_success:
        raise RequirementError(f"{where} answers {answer.status_code}", by_hand)
    if not answer.text.strip():
        raise NotFoundError(f"{user} shows no SSH key at GitHub", "ask for the .pub file")
    return answer.text

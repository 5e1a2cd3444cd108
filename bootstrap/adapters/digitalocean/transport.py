"""One request of DigitalOcean's API over `requests`: time-outs, repetitions, and every page of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.auth import AuthBase

from bootstrap.adapters.digitalocean.failures import failure, lost, unsent
from bootstrap.adapters.digitalocean.patience import Attempts, Patience, refused, uncertain
from bootstrap.errors import CloudError

# the most that DigitalOcean gives
PER_PAGE = 200
# where DigitalOcean's own client, doctl, asks about a token; another API knows its tokens itself
ISSUERS = {"https://api.digitalocean.com": "https://cloud.digitalocean.com"}
# for an answer that can be done without
ISSUER_S = 5


class _Bearer(AuthBase):
    """Of the session, not a header of the request: requests prefers what ~/.netrc says to a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    def __init__(self, token: str, api: str, note: Callable[[str], None], patience: Patience) -> None:
        api = api.rstrip("/")
        self._root = f"{api}/v2/"
        self._token_info = f"{ISSUERS.get(api, api)}/v1/oauth/token/info"
        self._patience = patience
        self.attempts = Attempts(patience, note)
        self._session = requests.Session()
        self._session.auth = _Bearer(token)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON; nothing of it for 204. A POST is repeated only when it had no effect for certain."""
        return self._repeated(method, path, json=body or {})

    def harmless(self, method: str, path: str) -> None:
        """A request that has no effect, whatever comes of it, and so may be repeated."""
        payload: dict[str, Any] = {} if method == "GET" else {"json": {}}
        for attempt in self.attempts.of_request(uncertain):
            with attempt:
                self._send(method, path, payload)

    def headers(self, path: str) -> Mapping[str, str]:
        """Of the answer to a GET of one item of a list, whatever else it says."""
        for attempt in self.attempts.of_request(uncertain):
            with attempt:
                return self._answer("GET", path, {"params": {"per_page": 1}}).headers
        raise AssertionError("it returns or raises")

    def scopes_told(self) -> list[str]:
        """Those that the token's issuer tells: `read` and `write` of one with full access. Nothing when it does not
        answer, or otherwise: no document promises this."""
        times = (min(ISSUER_S, self._patience.connect_s), min(ISSUER_S, self._patience.read_s))
        try:
            answer = self._session.get(self._token_info, timeout=times, allow_redirects=False)
        except requests.RequestException:
            return []
        content = _json(answer) if answer.ok else None
        scopes = content.get("scopes") if isinstance(content, dict) else None
        return scopes if isinstance(scopes, list) else []

    def pages(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        """GET of every page: the lists of all of them joined."""
        query = {"per_page": PER_PAGE, **query}
        whole = page = self._repeated("GET", path, params=query)
        while following := _next_page(page):
            if not following.startswith(self._root):
                raise CloudError(f"the API's next page is at {following.split('?')[0]}: the token does not go there")
            query.update(parse_qs(urlsplit(following).query))
            page = self._repeated("GET", following.split("?")[0].removeprefix(self._root), params=query)
            whole = {**whole, **{name: _joined(whole.get(name), value) for name, value in page.items()}}
        return whole

    def _repeated(self, method: str, path: str, **payload: Any) -> dict[str, Any]:
        for attempt in self.attempts.of_request(refused if method == "POST" else uncertain):
            with attempt:
                return self._send(method, path, payload)
        raise AssertionError("it returns or raises")

    def _answer(self, method: str, path: str, payload: dict[str, Any]) -> requests.Response:
        what = f"{method} {path}"
        times = (self._patience.connect_s, self._patience.read_s)
        try:
            # the API redirects nobody, and the token goes nowhere else
            answer = self._session.request(method, self._root + path, timeout=times, allow_redirects=False, **payload)
        except requests.RequestException as error:
            raise unsent(what, error) from None
        if not answer.ok:
            raise failure(what, answer)
        return answer

    def _send(self, method: str, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = self._answer(method, path, payload)
        if answer.status_code == 204:
            return {}
        content = None if answer.is_redirect else _json(answer)
        if not isinstance(content, dict):
            # a proxy's page; what it stands for may have happened
            raise lost(f"{method} {path}: the answer is no JSON (HTTP {answer.status_code})")
        return content


def _next_page(page: dict[str, Any]) -> str | None:
    links = page.get("links") or {}
    return (links.get("pages") or {}).get("next")


def _joined(before: Any, value: Any) -> Any:
    return before + value if isinstance(before, list) and isinstance(value, list) else value


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None

"""Holds every answer against DigitalOcean's published contract, where it is asked to: for tests.

`BOOTSTRAP_CLOUD_CONTRACT` names the document (openapi.json). `HOME/contract-PID.json` then tells how many answers were
checked, by method and status; `HOME/contract-violations.jsonl` has a line for each that does not fit. The check happens
in a thread of its own, beside the answer's way to its client.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import re
import threading
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localcloud.host.files import write_atomically
from localcloud.host.home import LocalCloudError
from localcloud.state.catalog import DISTRIBUTIONS, REGIONS

log = logging.getLogger(__name__)

VARIABLE = "BOOTSTRAP_CLOUD_CONTRACT"
# what DigitalOcean's document does not list although the service answers it
UNDOCUMENTED = {400, 403, 405, 409, 422}
Exchange = tuple[Scope, int, dict[str, str], bytes]


@dataclass(frozen=True)
class Problem:
    """`place` and `rule` tell it without a value of the answer, `message` with it."""

    place: str
    rule: str
    message: str


class Contract:
    """openapi-core is a tool of the tests: imported only when there is something to check."""

    def __init__(self, document: Path) -> None:
        from openapi_core import Config, OpenAPI

        spec = published(document)
        spec["servers"] = [{"url": "/"}]  # our server's address is not DigitalOcean's
        self._openapi = OpenAPI.from_dict(spec, config=Config(spec_validator_cls=None))

    def complaint(self, scope: Scope, status: int, headers: dict[str, str], body: bytes) -> str | None:
        """What is wrong with an answer, in one line, with the answer."""
        if problems := self.problems(scope, status, headers, body):
            said = [problem.message for problem in problems]
            return f"{scope['method']} {scope['path'].rstrip('/')} {status}: {said} {body[:600]!r}"
        return None

    def problems(self, scope: Scope, status: int, headers: dict[str, str], body: bytes) -> list[Problem]:
        from openapi_core.contrib.starlette import StarletteOpenAPIRequest, StarletteOpenAPIResponse
        from openapi_core.templating.responses.exceptions import ResponseNotFound

        # DigitalOcean's clients end some paths with a slash, its document none
        request = Request({**scope, "path": scope["path"].rstrip("/")})
        response = StarletteOpenAPIResponse(Response(body, status, headers), data=body)
        try:
            self._openapi.validate_response(StarletteOpenAPIRequest(request, b""), response)
        except Exception as error:
            # whatever it is: an answer that could not be checked is not one that fits
            cause = error.__cause__ or error
            if isinstance(cause, ResponseNotFound) and status in UNDOCUMENTED and _is_error(body):
                return []
            details = [_problem(e) for e in getattr(error.__cause__, "schema_errors", [])]
            return details or [Problem("", type(cause).__name__, repr(cause))]
        return []


def _problem(error: Any) -> Problem:
    """Of jsonschema's."""
    rule = error.message if error.validator == "required" else f"{error.validator} {error.validator_value}"
    place = re.sub(r"\[\d+\]", "[]", error.json_path).removeprefix("$").removeprefix(".")
    return Problem(place, " ".join(rule.split())[:120], error.message)


def published(document: Path) -> dict[str, Any]:
    """DigitalOcean's document, with what the service answers although it does not list it: newer regions and
    distributions, and no environment for a project that was given none, as the Terraform provider's tests have it."""
    spec: dict[str, Any] = json.loads(document.read_text())
    schemas = spec["components"]["schemas"]
    schemas["region_slug"]["enum"] += REGIONS
    schemas["distribution"]["enum"] += {distribution for _, distribution in DISTRIBUTIONS.values()}
    schemas["project_base"]["properties"]["environment"]["enum"].append("")
    return spec


def _is_error(body: bytes) -> bool:
    return bool({"id", "message"} <= json.loads(body).keys())


class Checked:
    """ASGI around the API. Paths that DigitalOcean does not have (`/_faults`, or what is 404 by its path) pass."""

    def __init__(self, app: ASGIApp, document: Path, home: Path) -> None:
        self._app, self._document, self._home = app, document, home
        self._seen: Counter[str] = Counter()
        self._fitting: set[bytes] = set()
        self._waiting: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="contract", daemon=True).start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v2"):
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)
            await send(message)

        await self._app(scope, receive, keep)
        if sent:
            headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
            body = b"".join(message.get("body", b"") for message in sent)
            self._waiting.put((dict(scope), sent[0]["status"], headers, body))

    def _work(self) -> None:
        contract = Contract(self._document)  # a second's work: the cloud is ready before
        while True:
            if self._waiting.empty():
                self._report()
            scope, status, headers, body = self._waiting.get()
            self._seen[f"{scope['method']} {status}"] += 1
            # whoever waits for something gets the same answer again and again: it fits as it did
            digest = hashlib.sha256(repr((scope["method"], scope["path"], status, body)).encode()).digest()
            if digest in self._fitting:
                continue
            self._fitting.add(digest)
            if complaint := contract.complaint(scope, status, headers, body):
                with (self._home / "contract-violations.jsonl").open("a") as lines:
                    lines.write(json.dumps(complaint) + "\n")

    def _report(self) -> None:
        """One file for each daemon that ran."""
        known: dict[str, Any] = {"checked": self._seen.total(), "different": len(self._fitting), **self._seen}
        write_atomically(self._home / f"contract-{os.getpid()}.json", json.dumps(known))


def checked(app: ASGIApp, home: Path) -> ASGIApp:
    """The app itself, unless a test asks for the check."""
    document = os.environ.get(VARIABLE)
    if not document:
        return app
    if find_spec("openapi_core") is None:
        raise LocalCloudError(f"{VARIABLE} needs one more package: pip install 'localcloud[contract]'", 11)
    log.info("every answer is held against %s", document)
    return Checked(app, Path(document), home)

"""What guests reach of the container registry: a stand-in for Docker Hub, and one that wants a login.

Both serve the very same images. As at Docker Hub manifests are asked for here, and layers come from elsewhere: from the
registry behind (`registry.py`), to which a redirect leads. The first refuses those without a login when the fault
`registry-limit` is set, since nobody logs in to a mirror; the second knows one account.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from localcloud.host.files import write_atomically
from localcloud.state.faults import Faults

USER = "puller"
# Docker Hub's own words
LIMITED = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_BLOB = re.compile(r"/v2/.+/blobs/[a-z0-9]+:[0-9a-f]+")
_MANIFEST = re.compile(r"/v2/.+/manifests/[^/]+")
_KEPT = ("content-type", "content-length", "docker-content-digest", "etag")
_TIMEOUT_S = 30.0

# answers who may not, and None where nothing is to be said
Check = Callable[[Request], Response | None]


@dataclass(frozen=True)
class Credentials:
    user: str
    password: str


def credentials(home: Path) -> Credentials:
    """Made at the first call."""
    path = home / "registry" / "credentials.json"
    if not path.exists():
        write_atomically(path, json.dumps(asdict(Credentials(USER, secrets.token_urlsafe(24)))))
    return Credentials(**json.loads(path.read_text()))


def mirror(behind: str, faults: Faults) -> Starlette:
    """`behind` is the registry's own address, as http://HOST:PORT."""

    def check(request: Request) -> Response | None:
        if _MANIFEST.fullmatch(request.url.path) and faults.take(("registry-limit",)):
            return _refused(429, "TOOMANYREQUESTS", LIMITED)
        return None

    return _front(behind, check)


def private(behind: str, known: Credentials) -> Starlette:
    right = f"{known.user}:{known.password}".encode()

    def check(request: Request) -> Response | None:
        if hmac.compare_digest(_given(request), right):
            return None
        refused = _refused(401, "UNAUTHORIZED", "authentication required")
        refused.headers["WWW-Authenticate"] = 'Basic realm="the local cloud\'s private registry"'
        return refused

    return _front(behind, check)


def _given(request: Request) -> bytes:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        return b""


def _front(behind: str, check: Check) -> Starlette:
    client = httpx.AsyncClient(base_url=behind, timeout=_TIMEOUT_S, trust_env=False)

    async def answer(request: Request) -> Response:
        if refused := check(request):
            return refused
        path = request.url.path
        if _BLOB.fullmatch(path):
            return RedirectResponse(f"{behind}{path}", 307)
        # as it lies there: its digest is of these very bytes
        wanted = {"accept": ", ".join(request.headers.getlist("accept")) or "*/*", "accept-encoding": "identity"}
        asked = client.build_request(request.method, path, params=request.query_params, headers=wanted)
        try:
            known = await client.send(asked)
        except httpx.HTTPError as error:
            return _refused(503, "UNAVAILABLE", f"the registry does not answer: {error}")
        headers = {name: known.headers[name] for name in _KEPT if name in known.headers}
        return Response(known.content, known.status_code, {**headers, **_VERSION})

    return Starlette(routes=[Route("/v2/{path:path}", answer, methods=["GET", "HEAD"])])


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status, _VERSION)

"""HTTP: routes, the token, rate limits, request ids. What a request means stands in the resources' own modules."""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.api import (
    account,
    actions,
    alerts,
    associated,
    backups,
    domains,
    droplet_actions,
    droplet_create,
    droplets,
    firewalls,
    image_actions,
    images,
    load_balancers,
    projects,
    reserved_ips,
    tags,
    uptime,
    volumes,
    vpcs,
)
from localcloud.api.call import Call, Handler
from localcloud.api.faults import Control, FaultHandler
from localcloud.api.misbehave import Misbehaving
from localcloud.api.scopes import allow
from localcloud.state.database import State
from localcloud.state.unfriendly import Ages
from localcloud.wire import ApiError, Body, Json, forbidden, not_found, unauthorized
from localcloud.work.guests import PublicNetwork
from localcloud.work.worker import Worker

log = logging.getLogger(__name__)

MODULES = (
    account,
    actions,
    # before droplets: /v2/droplets/actions and /v2/droplets/backups are no droplets
    droplet_actions,
    backups,
    associated,
    droplet_create,
    droplets,
    image_actions,
    images,
    volumes,
    reserved_ips,
    firewalls,
    load_balancers,
    domains,
    tags,
    vpcs,
    projects,
    alerts,
    uptime,
)
JOB_DEADLINE_S = 120.0
STRICT = ("/v2/monitoring/", "/v2/uptime/")
HOUR_S = 3600.0
MINUTE_S = 60.0


@dataclass
class RateLimit:
    """DigitalOcean's published limits (openapi.json at 7c1300c, ratelimit-limit), in sliding windows: of each token on
    its own."""

    an_hour: int = 5000
    a_minute: int = 250
    _of_token: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, token: str) -> tuple[dict[str, str], bool]:
        """The headers of the answer, and whether the request may pass."""
        now = time.time()
        with self._lock:
            seen = self._of_token[token]
            while seen and seen[0] < now - HOUR_S:
                seen.popleft()
            burst = len(seen) >= self.a_minute and seen[-self.a_minute] > now - MINUTE_S
            passes = len(seen) < self.an_hour and not burst
            if passes:
                seen.append(now)
            headers = {
                "ratelimit-limit": str(self.an_hour),
                "ratelimit-remaining": str(self.an_hour - len(seen)),
                "ratelimit-reset": str(int((seen[0] if seen else now) + HOUR_S)),
            }
            if not passes:
                until = seen[-self.a_minute] + MINUTE_S if burst else seen[0] + HOUR_S
                headers["retry-after"] = str(max(1, int(until - now) + 1))
            return headers, passes


@dataclass
class Api:
    state: State
    worker: Worker
    public_net: PublicNetwork
    token: str
    limit: RateLimit
    # of a token that may not do everything; None for one that is unknown
    scopes_of: Callable[[str], Sequence[str] | None] = lambda _: None

    def __post_init__(self) -> None:
        self._ages = Ages(self.state, self.worker.faults.unfriendly)

    def app(self) -> ASGIApp:
        routes = [
            HttpRoute(path, self._endpoint(handler), methods=[method])
            for module in MODULES
            for method, path, handler in module.ROUTES
        ]
        control = Control(self.worker.faults, self.worker.cut_power, self.public_net)
        routes += [
            HttpRoute(path, self._control(control, handler), methods=[method])
            for method, path, handler in control.routes
        ]
        routes.append(HttpRoute("/v1/oauth/token/info", self._token_info, methods=["GET"]))
        handlers = {HTTPException: self._unrouted, Exception: self._crashed}
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False
        return _slashless(Misbehaving(app, self.worker.faults, self.worker.cut_power, self.limit.an_hour))

    def _endpoint(self, handler: Handler):  # type: ignore[no-untyped-def]
        async def endpoint(request: Request) -> Response:
            headers, passes = self.limit.take(self._known_token(request))
            try:
                self._authenticate(request)
                if not passes:
                    raise ApiError(429, "too_many_requests", "API Rate limit exceeded.")
                body = await _body(request)
                self._authorize(request, body.values)
                answer = await run_in_threadpool(self._answer, handler, request, body)
            except ApiError as error:
                answer = _error(error)
            answer.headers.update(headers)
            answer.headers["x-request-id"] = str(uuid4())
            return answer

        return endpoint

    def _control(self, control: Control, handler: FaultHandler):  # type: ignore[no-untyped-def]
        async def endpoint(request: Request) -> Response:
            try:
                self._authenticate(request)
                control.refuse_droplets(request)
                return await run_in_threadpool(handler, request.path_params, await _body(request))
            except ApiError as error:
                return _error(error)

        return endpoint

    def _authenticate(self, request: Request) -> None:
        token = self._known_token(request)
        if not token:
            raise unauthorized()
        self._authorize(request, {})

    def _authorize(self, request: Request, body: Mapping[str, Any]) -> None:
        scopes = self._scopes(request)
        if scopes is not None and not allow(scopes, request.method, request.url.path, body):
            raise forbidden()

    def _scopes(self, request: Request) -> Sequence[str] | None:
        """None of one that may do everything."""
        token = self._known_token(request)
        return None if token == self.token else self.scopes_of(token) or ()

    async def _token_info(self, request: Request) -> Response:
        """What `doctl auth init` asks, of another host than the API's. DigitalOcean documents it nowhere; its form is
        doctl's."""
        if not self._known_token(request):
            return _error(unauthorized())
        scopes = self._scopes(request)
        content = {
            "resource_owner_id": 1,
            "scopes": ["read", "write"] if scopes is None else list(scopes),
            "expires_in_seconds": None,
            "application": {"uid": ""},
            "created_at": 0,
        }
        return JSONResponse(content)

    def _known_token(self, request: Request) -> str:
        """Empty when it is none of this cloud's: whoever guesses has one limit for all his guesses."""
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        token = rest.strip()
        known = hmac.compare_digest(token.encode(), self.token.encode()) or self.scopes_of(token) is not None
        return token if known and kind.lower() == "bearer" else ""

    def _answer(self, handler: Handler, request: Request, body: Body) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}"
        with self.state.change() as tx:
            path, params, query = request.url.path, request.path_params, dict(request.query_params)
            answer = handler(
                Call(
                    tx,
                    self.public_net,
                    base,
                    path,
                    params,
                    query,
                    body,
                    request.headers,
                    self._ages,
                    self.worker.faults,
                )
            )
            if answer.after is None and answer.render:
                content = answer.render(tx)
        if answer.after is not None and (failure := self.worker.wait(answer.after, JOB_DEADLINE_S)):
            raise ApiError(500, "server_error", failure)
        if answer.render is None:
            return Response(status_code=answer.status)
        if answer.after is not None:
            with self.state.change() as tx:
                content = answer.render(tx)
        return JSONResponse(content, answer.status)

    async def _unrouted(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 405:
            return _error(ApiError(405, "method_not_allowed", f"{request.method} is not possible here"))
        return _error(not_found())

    async def _crashed(self, request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _error(ApiError(500, "server_error", "Unexpected server-side error"))


def _slashless(app: ASGIApp) -> ASGIApp:
    """Some clients end a path with a slash; it means the same. Newer resources, which no such client knows, answer as
    DigitalOcean does: what follows the slash is an id, and an empty one is nobody's."""

    async def slashless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            scope = {**scope, "path": path if path.startswith(STRICT) else path.rstrip("/")}
        await app(scope, receive, send)

    return slashless


async def _body(request: Request) -> Body:
    raw = await request.body()
    if not raw.strip():
        return Body({})
    try:
        values = json.loads(raw)
    except ValueError:
        raise ApiError(400, "bad_request", "unable to parse the request's JSON") from None
    if not _is_text(values):
        raise ApiError(400, "bad_request", "the request's body must be text")
    if not isinstance(values, dict):
        raise ApiError(400, "bad_request", "the request's body must be a JSON object")
    return Body(values)


def _is_text(values: object) -> bool:
    """Half of a surrogate pair can be written in JSON, and nowhere else."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(error: ApiError) -> Response:
    content: Json = {"id": error.id, "message": error.message}
    if error.status == 400:
        # the document has another form for one of them: these are the words of both
        content |= {"error": error.message, "root_causes": []}
    return JSONResponse(content, error.status)

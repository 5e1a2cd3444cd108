"""/_faults: faults that tests set, and how long actions take. For this computer only: a droplet must not break the
cloud that it runs in."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.api.misbehave import CONTROL
from localcloud.state.faults import PROFILES, Fault, Faults
from localcloud.state.unfriendly import HABITS
from localcloud.wire import Body, Json, forbidden, not_found, unprocessable
from localcloud.work.guests import PublicNetwork

FaultHandler = Callable[[Mapping[str, Any], Body], Response]


class Control:
    def __init__(self, faults: Faults, cut_power: Callable[[str], int], public_net: PublicNetwork) -> None:
        self._faults = faults
        self._cut_power = cut_power
        self._public_net = public_net

    @property
    def routes(self) -> list[tuple[str, str, FaultHandler]]:
        return [
            ("GET", CONTROL, self._list),
            ("POST", CONTROL, self._add),
            ("DELETE", CONTROL, self._clear_all),
            ("PUT", CONTROL + "/latency", self._set_latency),
            ("GET", CONTROL + "/unfriendly", self._habits),
            ("PUT", CONTROL + "/unfriendly", self._switch),
            ("DELETE", CONTROL + "/{id}", self._clear),
        ]

    def refuse_droplets(self, request: Request) -> None:
        """Nobody else than they and this computer can reach the API, and they cannot but use their own addresses."""
        caller = request.client.host if request.client else self._public_net.gateway
        within = ipaddress.ip_address(caller) in ipaddress.ip_network(self._public_net.cidr)
        if within and caller != self._public_net.nameserver:
            raise forbidden()

    def _list(self, _: Mapping[str, Any], __: Body) -> Response:
        return JSONResponse(self._faults.shown())

    def _add(self, _: Mapping[str, Any], body: Body) -> Response:
        try:
            fault = Fault.model_validate(dict(body.values))
        except ValidationError as error:
            raise unprocessable(_first(error)) from None
        armed = self._faults.add(fault)
        if fault.at_once:
            self._faults.clear(armed.id)
            if not self._cut_power(fault.droplet):
                raise unprocessable(f"no droplet that runs is called {fault.droplet}")
        shown: Json = armed.shown()
        return JSONResponse({"fault": shown}, 201)

    def _clear_all(self, _: Mapping[str, Any], __: Body) -> Response:
        self._faults.clear()
        return Response(status_code=204)

    def _clear(self, params: Mapping[str, Any], _: Body) -> Response:
        if not (params["id"].isdecimal() and self._faults.clear(int(params["id"][:18]))):
            raise not_found()
        return Response(status_code=204)

    def _set_latency(self, _: Mapping[str, Any], body: Body) -> Response:
        seed = body.optional_number("seed")
        self._faults.set_latency(body.choice("profile", PROFILES), 1 if seed is None else seed)
        return JSONResponse({"latency": self._faults.shown()["latency"]})

    def _habits(self, _: Mapping[str, Any], __: Body) -> Response:
        return JSONResponse({"unfriendly": self._faults.unfriendly.shown()})

    def _switch(self, _: Mapping[str, Any], body: Body) -> Response:
        """Some, by name, or all."""
        names = body.texts("habits") or tuple(HABITS)
        if unknown := [name for name in names if name not in HABITS]:
            raise unprocessable(f"there is no habit {unknown[0]}; there are: {', '.join(HABITS)}")
        self._faults.unfriendly.switch(names, body.flag("on"))
        return self._habits({}, body)


def _first(error: ValidationError) -> str:
    """Pydantic's first complaint in one line."""
    about = error.errors()[0]
    where = ".".join(map(str, about["loc"]))
    said = about["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said

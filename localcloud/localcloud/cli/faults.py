"""python -m localcloud faults …: a client of the running cloud's /_faults."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import httpx

from localcloud.host.home import Home, LocalCloudError
from localcloud.state.faults import ANY, KINDS, PROFILES

Run = Callable[[Home, argparse.Namespace], None]
Add = Callable[[Any, str, Run, str], argparse.ArgumentParser]

PATTERNS = ("method", "path", "action", "droplet")


def add_to(commands: Any, add: Add) -> None:
    parser = commands.add_parser("faults", help="what shall go wrong, and how long things take")
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    add(below, "list", _list, "what is armed").add_argument("--json", action="store_true", help="print JSON")
    adding = add(below, "add", _add, "arm a fault")
    adding.add_argument("kind", choices=KINDS, metavar="KIND")
    for name in PATTERNS:
        adding.add_argument(f"--{name}", default=ANY)
    adding.add_argument("--count", type=int, default=1)
    adding.add_argument("--skip", type=int, default=0)
    adding.add_argument("--seconds", type=float)
    add(below, "clear", _clear, "disarm one, or all").add_argument("id", nargs="?")
    latency = add(below, "latency", _latency, "how long actions take")
    latency.add_argument("profile", choices=PROFILES)
    latency.add_argument("--seed", type=int, default=1)


def _list(home: Home, arguments: argparse.Namespace) -> None:
    known = _call(home, "GET", "")
    if arguments.json:
        print(json.dumps(known, indent=1))
        return
    print(f"latency {known['latency']['profile']}, seed {known['latency']['seed']}")
    for fault in known["faults"]:
        print(_line(fault))


def _line(fault: dict[str, Any]) -> str:
    narrowed = [f"{name} {fault[name]}" for name in PATTERNS if fault[name] != ANY]
    times = "every time" if fault["count"] is None else f"{fault['count']} time{'s' * (fault['count'] > 1)}"
    after = f" after {fault['skip']}" if fault["skip"] else ""
    long = f", {fault['seconds']:g} s" if fault["seconds"] else ""
    words = [f"{fault['id']:3}", f"{fault['kind']:14}", *narrowed, f"{times}{after}{long}: hit {fault['hits']}"]
    return "  ".join(words)


def _add(home: Home, arguments: argparse.Namespace) -> None:
    names = (*PATTERNS, "kind", "skip", "seconds")
    body = {name: getattr(arguments, name) for name in names} | {"count": arguments.count or None}
    print(_line(_call(home, "POST", "", body)["fault"]))


def _clear(home: Home, arguments: argparse.Namespace) -> None:
    _call(home, "DELETE", f"/{arguments.id}" if arguments.id else "")


def _latency(home: Home, arguments: argparse.Namespace) -> None:
    _call(home, "PUT", "/latency", {"profile": arguments.profile, "seed": arguments.seed})


def _call(home: Home, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    if not home.endpoints.exists():
        raise LocalCloudError("the local cloud does not run: bootstrap cloud start", 4)
    ends = json.loads(home.endpoints.read_text())
    headers = {"authorization": f"Bearer {ends['token']}"}
    try:
        # no proxy of the environment stands between this computer and itself
        answer = httpx.request(method, f"{ends['api']}/_faults{path}", json=body, headers=headers, trust_env=False)
    except httpx.HTTPError as error:
        raise LocalCloudError(f"{ends['api']} does not answer: {error}", 6) from None
    if answer.status_code == 404:
        raise LocalCloudError("no such fault is armed: bootstrap cloud faults list", 4)
    if answer.is_error:
        raise LocalCloudError(answer.json()["message"], 2)
    return dict(answer.json()) if answer.content else {}

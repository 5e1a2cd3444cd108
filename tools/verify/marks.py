"""Puts the run's tag on what is made, and notes what takes none: as soon as the API has answered, before its client
knows, so that a SIGKILL at any moment leaves nothing that a later run would not find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from tools.verify.account import Account
from tools.verify.names import Mark, Run, run_of
from tools.verify.recorder import Exchange

# where it is created → (what the answer calls it, what a tag calls it)
_TAGGED = {"droplets": ("droplet", "droplet"), "volumes": ("volume", "volume")}
_NOTED = {
    "reserved_ips": ("reserved_ip", "ip", "ip"),
    "vpcs": ("vpc", "vpc", "id"),
    "account/keys": ("ssh_key", "key", "id"),
}


class Marker:
    """`journal` keeps the names of tags that the run made and whose names do not tell so: product-wide ones, which hold
    nothing and cost nothing."""

    def __init__(self, run: Run, account: Account, journal: Path, say: Callable[[str], None]) -> None:
        self._run, self._account, self._journal, self._say = run, account, journal, say
        self._there = set(account.cloud.tags(""))

    def hear(self, exchange: Exchange) -> None:
        if exchange.method != "POST" or not 200 <= exchange.status < 300 or not isinstance(exchange.body, dict):
            return
        try:
            self._mark(exchange.path.removeprefix("/v2/").rstrip("/"), exchange.asked or {}, exchange.body)
        except BootstrapError as error:
            # the end of this run finds it all the same; only a later one would not
            self._say(f"no mark on what {exchange.path} made: {error.message}")

    def _mark(self, where: str, asked: dict[str, Any], made: dict[str, Any]) -> None:
        tags = asked.get("tags") or ()
        is_tagged = any(str(tag).startswith(self._run.tag) for tag in tags)
        if where in _TAGGED and not is_tagged:
            name, kind = _TAGGED[where]
            self._tag(kind, made[name]["id"])
        elif where.endswith("/snapshots") and not is_tagged:
            self._tag("volume_snapshot", made["snapshot"]["id"])
        elif where in _NOTED and run_of(str(asked.get("name", ""))) is None:
            name, kind, key = _NOTED[where]
            mark = Mark(self._run, kind, str(made[name][key]))
            self._account.known.add(mark)
            self._account.cloud.create_tag(mark.tag)
        # a tag is made by whoever names it first, on whatever
        for tag in (asked["name"],) if where == "tags" else tags:
            self._remember(str(tag))

    def _tag(self, kind: str, key: object) -> None:
        self._account.cloud.create_tag(self._run.tag)
        resources = [{"resource_id": str(key), "resource_type": kind}]
        self._account.client.post(f"tags/{self._run.tag}/resources", {"resources": resources})

    def _remember(self, tag: str) -> None:
        if tag in self._there or run_of(tag):
            return
        self._there.add(tag)
        self._account.spare_tags.add(tag)
        with self._journal.open("a") as lines:
            lines.write(f"{tag}\n")

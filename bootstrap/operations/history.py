"""`bootstrap history`: what happened to a deployment, from the bucket and from this computer; no droplet is needed."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bootstrap.deployment import claim
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.recorder import folder_of
from bootstrap.errors import BootstrapError, NotFoundError
from bootstrap.operations.drill import throwaway
from bootstrap.operations.pages import size
from bootstrap_agent.contract import form, history
from bootstrap_agent.contract.history import Event

# Spaces gives one object a request, and each takes its time
AT_ONCE = 8
UNDER_WAY, ON = "under way", "still on"


@dataclass(frozen=True)
class Happened:
    """`state` is the event's outcome; of one without an end, what that means. `page`: where its HTML page is."""

    event: Event
    state: str
    page: str | None

    @property
    def seconds(self) -> float | None:
        return (self.event.ended - self.event.began).total_seconds() if self.event.ended else None


def happened(
    env: Environment, *, since: datetime | None = None, limit: int | None = None, kinds: Collection[str] = ()
) -> list[Happened]:
    """Newest first. Who knows the bucket sees what every computer and the droplet did, else what was done from here."""
    sources = _Sources(env)
    wanted = [one for one in sources.ids if not kinds or history.kind_of(one) in kinds]
    wanted = [one for one in wanted if since is None or history.time_of(one) >= since][:limit]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [event for event in pool.map(sources.event, wanted) if event]
    working = _working(env) if any(event.ended is None for event in found) else []
    return [Happened(event, _state(event, working), sources.page(event)) for event in found]


def one(env: Environment, wanted: str) -> Happened:
    """`latest` or an id; NotFoundError when there is none."""
    if wanted == "latest":
        found = happened(env, limit=1)
    else:
        sources = _Sources(env)
        event = sources.event(wanted) if wanted in sources.ids else None
        found = [Happened(event, _state(event, _working(env)), sources.page(event))] if event else []
    if not found:
        raise NotFoundError(f"{env.settings.domain} has no event {wanted}", "bootstrap history lists them")
    return found[0]


def page_of(env: Environment, event: Event) -> str:
    """The HTML; NotFoundError when there is none, or it is no more."""
    own = folder_of(env.state_dir, env.settings.prefix) / f"{event.id}.html"
    if event.page and own.exists():
        return own.read_text(encoding="utf-8")
    if event.page and env.store:
        return env.store.read(history.page_key(env.settings.prefix, event.id)).decode(errors="replace")
    raise NotFoundError(f"{event.id} has no page", "a redeploy, a rollback and a drill have one")


class _Sources:
    """The bucket's word counts, but for an event whose end it never heard of."""

    def __init__(self, env: Environment) -> None:
        self._env, self._folder = env, folder_of(env.state_dir, env.settings.prefix)
        here = self._folder.glob("*.json") if self._folder.is_dir() else ()
        self._here = {event_id: path for path in here if (event_id := history.id_of(path.name))}
        self._there = _in_bucket(env)
        self.ids = sorted({*self._here, *self._there}, reverse=True)

    def event(self, event_id: str) -> Event | None:
        """None for what is not of this form, and for what went meanwhile."""
        found = self._read(event_id)
        if (found is None or found.ended is None) and event_id in self._here:
            own = _decoded(_bytes(self._here[event_id]))
            return own if own and (found is None or own.ended) else found
        return found

    def _read(self, event_id: str) -> Event | None:
        if event_id not in self._there:
            return None
        assert self._env.store is not None, "who listed it has a store"
        try:
            return _decoded(self._env.store.read(history.event_key(self._env.settings.prefix, event_id)))
        except NotFoundError:
            return None

    def page(self, event: Event) -> str | None:
        own = self._folder / f"{event.id}.html"
        if not event.page:
            return None
        return str(own) if own.exists() else history.page_key(self._env.settings.prefix, event.id)


def _in_bucket(env: Environment) -> set[str]:
    """What cannot be looked at is said: what was done from here is told all the same."""
    if env.store is None:
        env.progress.note("no Spaces key is set: this is what was done from this computer")
        return set()
    try:
        found = env.store.list(env.settings.prefix + history.FOLDER)
    except NotFoundError:
        return set()
    except BootstrapError as error:
        env.progress.warn(f"this is what was done from this computer: {error.message}")
        return set()
    return {event_id for item in found if item.key.endswith(".json") and (event_id := history.id_of(item.key))}


def _working(env: Environment) -> list[claim.Claim]:
    """Who holds the deployment's lock, or that of a drill of it, and gives signs of life."""
    try:
        holders = [claim.holder_of(env), claim.holder_of(throwaway.environment(env))]
    except BootstrapError as error:
        env.progress.note(f"whether a command is under way is not known: {error.message}")
        return []
    return [held for held in holders if held and not held.is_stale]


def _state(event: Event, working: Collection[claim.Claim]) -> str:
    if event.kind == history.ALARM:
        return "over" if event.ended else ON
    if event.outcome:
        return event.outcome
    mine = any(held.operation == event.kind and event.began >= held.since for held in working)
    return UNDER_WAY if mine else history.INTERRUPTED


def _decoded(data: bytes) -> Event | None:
    try:
        return form.decode(data.decode(errors="replace"), Event)
    except form.FormError:
        return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def told(event: Event) -> str:
    """What counts of it, as one line."""
    if event.problem:
        return event.problem
    figures, parts = event.figures, []
    if "hold_s" in figures:
        parts.append(f"hold {figures['hold_s']} s")
    if "requests" in figures:
        parts.append(f"{figures.get('failed', 0)} of {figures['requests']} requests failed")
    if "backup" in figures:
        parts.append(f"backup {figures['backup']}")
    if "bytes" in figures:
        parts.append(size(int(figures["bytes"])))
    if "rto_s" in figures:
        parts.append(f"RTO {figures['rto_s']} s, RPO {figures.get('rpo_s', '?')} s")
    if "message" in figures:
        parts.append(str(figures["message"]))
    if "volume" in figures:
        parts.append(f"data volume {figures['volume']}")
    return ", ".join(parts)

"""One model of several Compose files, by Compose's own rules (compose-go's package override).

Mappings are merged, lists joined, anything else replaced. Some places are lists in one file and mappings in the other
(`environment`, `depends_on`); some lists hold an entry of a kind only once (a mount by its target); `command` and the
like are replaced. `!reset` takes away, `!override` replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Place = tuple[str, ...]
OVERRIDE = "!override"


class MergeError(ValueError):
    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.place = place


class _Reset:
    """What `!reset` stands for."""


RESET = _Reset()


@dataclass(frozen=True)
class Override:
    value: Any


def merge(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` over `below`; neither is changed. MergeError."""
    merged = _once_each(_mappings(below, over, ()), ())
    assert isinstance(merged, dict)
    return merged


def _merge(below: Any, over: Any, place: Place) -> Any:
    if over is RESET:
        return RESET
    if isinstance(over, Override):
        return _clean(over.value)
    if rule := _rule(place, _RULES):
        return rule(below, over, place)
    if over is None:
        return below
    if isinstance(below, Mapping) and isinstance(over, Mapping):
        return _mappings(below, over, place)
    if isinstance(below, list) and isinstance(over, list):
        return [*below, *_clean(over)]
    if isinstance(below, (Mapping, list)):
        raise MergeError(place, "one file has a list or a mapping there, the other has not")
    return _clean(over)


def _mappings(below: Mapping[str, Any], over: Mapping[str, Any], place: Place) -> dict[str, Any]:
    merged = dict(below)
    for name, value in over.items():
        result = _merge(merged[name], value, (*place, name)) if name in merged else _clean(value)
        if result is RESET:
            merged.pop(name, None)
        else:
            merged[name] = result
    return merged


def _clean(value: Any) -> Any:
    """Without the tags, where there was nothing below them."""
    if isinstance(value, Override):
        return _clean(value.value)
    if isinstance(value, Mapping):
        return {name: _clean(one) for name, one in value.items() if one is not RESET}
    if isinstance(value, list):
        return [_clean(one) for one in value if one is not RESET]
    return value


Rule = Callable[[Any, Any, Place], Any]


def _replace(_below: Any, over: Any, _place: Place) -> Any:
    return _clean(over)


def _join(below: Any, over: Any, _place: Place) -> list[Any]:
    gone = {name for name, value in over.items() if value is RESET} if isinstance(over, Mapping) else set()
    return [*(entry for entry in _listed(below) if _before_equals(entry) not in gone), *_listed(_clean(over))]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return sorted(name if text is None else f"{name}={_text(text)}" for name, text in value.items())
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(below: Any, over: Any, place: Place) -> dict[str, Any]:
    return _mappings(_as_mapping(below), _as_mapping(over), place)


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {str(name): None for name in value} if isinstance(value, list) else {}


def _depends_on(below: Any, over: Any, place: Place) -> dict[str, Any]:
    def full(value: Any) -> Mapping[str, Any]:
        if isinstance(value, list):
            return {str(name): {"condition": "service_started", "required": True} for name in value}
        return _as_mapping(value)

    return _mappings(full(below), full(over), place)


def _build(below: Any, over: Any, place: Place) -> dict[str, Any]:
    def full(value: Any) -> Mapping[str, Any]:
        return {"context": value} if isinstance(value, str) else _as_mapping(value)

    return _mappings(full(below), full(over), place)


def _logging(below: Any, over: Any, place: Place) -> dict[str, Any]:
    below, over = _as_mapping(below), _as_mapping(over)
    if "driver" in below and "driver" in over and below["driver"] != over["driver"]:
        return dict(_clean(over))
    return _mappings(below, over, place)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("command", "entrypoint", "healthcheck.test"), _replace),
    **dict.fromkeys(("annotations", "build.args", "build.additional_contexts", "build.labels", "deploy.labels"), _join),
    **dict.fromkeys(("dns", "dns_opt", "dns_search", "env_file", "label_file", "environment", "labels"), _join),
    **dict.fromkeys(("sysctls", "tmpfs", "extra_hosts", "build.extra_hosts"), _join),
    **dict.fromkeys(("networks", "models"), _named),
    "depends_on": _depends_on,
    "build": _build,
    "logging": _logging,
}


def _before_equals(entry: Any) -> str:
    return str(entry).partition("=")[0]


def _target(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("target", ""))
    parts = str(entry).split(":")
    return (parts[1] if len(parts) > 1 else parts[0]).rstrip("/")


def _whole(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return str([entry.get(name) for name in ("host_ip", "published", "target", "protocol", "path", "source")])
    return str(entry)


_UNIQUE: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("annotations", "build.args", "build.labels", "build.tags", "cap_add", "cap_drop"), _before_equals),
    **dict.fromkeys(("deploy.labels", "dns", "dns_opt", "dns_search", "environment", "labels"), _before_equals),
    **dict.fromkeys(("links", "profiles", "sysctls", "tmpfs", "networks.*.aliases"), _before_equals),
    **dict.fromkeys(("volumes", "devices"), _target),
    **dict.fromkeys(("ports", "env_file", "expose", "secrets", "configs"), _whole),
}


def _rule(place: Place, rules: Mapping[str, Any]) -> Any:
    """The rules speak of what is within a service."""
    if len(place) < 3 or place[0] != "services":
        return None
    inside = ".".join(place[2:])
    return next((rules[pattern] for pattern in rules if fnmatchcase(inside, pattern)), None)


def _once_each(value: Any, place: Place) -> Any:
    if isinstance(value, Mapping):
        return {name: _once_each(one, (*place, name)) for name, one in value.items()}
    key = _rule(place, _UNIQUE) if isinstance(value, list) else None
    return list({key(entry): entry for entry in value}.values()) if key else value

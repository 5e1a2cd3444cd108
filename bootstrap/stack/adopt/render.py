"""The override as text: decisions in the order of a Compose file, each below the line that says why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from bootstrap.stack.adopt.book import RESET, Decision, Override, Place, Variable

WIDTH = 120
_FITS = 100
DECIDED = "# decided: "
HEADER = """\
# Written by `bootstrap stack adopt`: what a droplet needs beyond {files}, which you keep.
# It is yours: change what you like. Called again, the command adds what is new and leaves what is here;
# the last lines say what it has decided once: what you take out stays out.
# What each entry means: docs/your-own-stack.md
"""
_ORDER = ("name", "x-bootstrap", "services", "configs", "networks", "volumes")


class _Dumper(yaml.SafeDumper):
    """With Compose's `!reset`."""


def _reset(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    return dumper.represent_scalar("!reset", "null")


_Dumper.add_representer(type(RESET), _reset)


def override(decisions: Iterable[Decision]) -> str:
    """One YAML document."""
    tree: dict[str, Any] = {}
    for one in decisions:
        inner = tree
        for key in one.place[:-1]:
            inner = inner.setdefault(key, {})
        inner[one.place[-1]] = one
    first = sorted(tree, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER))
    return "\n\n".join("\n".join(_lines(key, tree[key], 0)) for key in first) + "\n"


def _lines(key: str, value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Decision):
        if value.why:
            yield from (f"{indent}# {line}" for line in textwrap.wrap(value.why, WIDTH - len(indent) - 2))
        yield from (f"{indent}{line}" if line else "" for line in _entry(key, value.value))
        return
    yield f"{indent}{_plain(key)}:"
    for name, one in value.items():
        yield from _lines(name, one, depth + 1)


def _entry(key: str, value: Any) -> list[str]:
    tag = ""
    if isinstance(value, Override):
        tag, value = " !override", value.value
    if value is RESET:
        return [f"{_plain(key)}: !reset null"]
    line = f"{_plain(key)}:{tag} {_flat(value)}"
    if "\n" not in line and len(line) <= _FITS:
        return [line]
    if isinstance(value, str):
        block = yaml.dump({"x": value}, Dumper=_Dumper, width=10_000, allow_unicode=True)
        return (
            [f"{_plain(key)}:{tag}{block.rstrip().removeprefix('x:')}"]
            if "\n" not in value
            else [f"{_plain(key)}:{tag} |", *(f"  {one}" if one else "" for one in value.rstrip("\n").split("\n"))]
        )
    return [f"{_plain(key)}:{tag}", *(f"  {one}" for one in _block(value))]


def _block(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _entry(str(key), one)
    else:
        yield from (f"- {_flat(one)}" for one in value)


def _flat(value: Any) -> str:
    """On one line, but for text that has several."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").rstrip("\n")


def _plain(key: str) -> str:
    return yaml.safe_dump(key, width=10_000).removesuffix("...\n").strip()


def decided(places: Iterable[Place]) -> str:
    """The record of what was decided once."""
    text = textwrap.fill(" ".join(".".join(place) for place in places), WIDTH - len(DECIDED), break_long_words=False,
                         break_on_hyphens=False)  # fmt: skip
    return "".join(f"{DECIDED}{line}\n" for line in text.splitlines())


def example(variables: Iterable[Variable]) -> str:
    lines = []
    for one in variables:
        lines += [f"# {one.why}"] if one.why else []
        lines.append(f"{one.name}={_quoted(one.value)}")
    return "".join(f"{line}\n" for line in lines)


def _quoted(value: str) -> str:
    """References stay references."""
    harmless = not value or not (set(value) & set("\"'\\\n\t`#") or value != value.strip() or " " in value)
    if harmless:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def settings(folder: str) -> str:
    return (
        "# Written by `bootstrap init`. All settings: docs/settings.md\n"
        "# domain: example.com\n"
        f"stack: {_plain(folder)}\n"
        "# Your own values for .env.production, in a file that git ignores:\n"
        "# env_file: .env.production\n"
    )


def mapping_places(document: Mapping[str, Any], place: Place = ()) -> Iterator[Place]:
    for key, value in document.items():
        yield (*place, str(key))
        if isinstance(value, Mapping):
            yield from mapping_places(value, (*place, str(key)))

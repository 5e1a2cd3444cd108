"""Words for TAB: what earlier commands saw in the cloud. TAB itself asks nobody, so it never waits."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.places import state_dir

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def remember(cloud: str, **seen: Sequence[str] | Sequence[tuple[str, str]]) -> None:
    """`domains`, or `images` as (id, name). A word that cannot be written down is only not completed."""
    path = _path(cloud)
    known = {**_read(path), **{kind: list(words) for kind, words in seen.items()}}
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_text(json.dumps(known))
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)


def remember_domain(cloud: str, domain: str, *, gone: bool = False) -> None:
    known = set(_read(_path(cloud)).get("domains", ())) - {domain}
    remember(cloud, domains=sorted(known if gone else known | {domain}))


def domains(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _items([(name, None) for name in _known(ctx, "domains")], incomplete)


def images(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _items([(number, name) for number, name in _known(ctx, "images")], incomplete)


def _known(ctx: click.Context, kind: str) -> list[Any]:
    known = _read(_path(ctx.find_root().params.get("cloud") or "digitalocean")).get(kind, [])
    return known if isinstance(known, list) else []


def _items(words: Sequence[tuple[str, str | None]], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word, help=text) for word, text in words if word.startswith(incomplete)]


def _path(cloud: str) -> Path:
    return state_dir() / f"words-{cloud}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}

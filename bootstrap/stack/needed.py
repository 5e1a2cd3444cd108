"""Files of this computer that a bake or a droplet cannot do without: whoever packs a stack sees whether it has them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath

from bootstrap.stack.compose_view import ServiceView, StackView, is_file, is_folder, mapping


def needed(stack: StackView) -> tuple[tuple[str, str], ...]:
    """Where it is named, and a file or a folder that is there, from the stack's folder on."""
    found = [pair for service in stack.services for pair in _of_service(stack, service)]
    for kind in ("secrets", "configs"):
        for name, entry in mapping(stack.document.get(kind)).items():
            if file := mapping(entry).get("file"):
                found.append((f"{kind}.{name}", stack.place(stack.fill(str(file)))))
    inside = [(where, place) for where, place in found if not place.startswith(("/", "~", "..")) and place != "."]
    return tuple(dict.fromkeys(pair for pair in inside if _holds_something(stack.folder / pair[1])))


def _holds_something(path: Path) -> bool:
    """An empty folder is made again where it is mounted."""
    return is_file(path) or (is_folder(path) and any(is_file(one) for one in path.rglob("*")))


def _of_service(stack: StackView, service: ServiceView) -> Iterator[tuple[str, str]]:
    for mount in service.mounts:
        if mount.is_bind and mount.read_only:
            yield f"{service.where}.volumes", stack.place(mount.source)
    for path, _ in service.env_files:
        yield f"{service.where}.env_file", stack.place(path)
    context = stack.place(service.filled(str(service.build.get("context") or "."))) if service.build else ""
    if context and service.dockerfile:
        for source in _copied(service.dockerfile):
            yield f"{service.where}.build", normpath(f"{context}/{source}")


def _copied(dockerfile: str) -> Iterator[str]:
    """What it takes from its context by name: patterns, variables and other stages aside."""
    for line in re.findall(r"^\s*(?:COPY|ADD)\s+(.+)$", dockerfile.replace("\\\n", " "), re.MULTILINE | re.IGNORECASE):
        if "--from" in line or "[" in line or "<<" in line:
            continue
        try:
            words = [word for word in shlex.split(line) if not word.startswith("--")]
        except ValueError:
            continue
        yield from (word.lstrip("/") for word in words[:-1] if not set(word) & set("*?$") and "://" not in word)

"""Which Compose files a stack has: those that are named, else those that Compose itself would find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bootstrap.stack.errors import StackError
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE
from bootstrap_agent.contract.release import SEPARATOR

# compose-go, cli/options.go: in this order, and an override of any spelling goes with a file of any
STANDARD = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(f"{kind}.override.{ending}" for kind in ("compose", "docker-compose") for ending in ("yml", "yaml"))
VARIABLE = "COMPOSE_FILE"
# what `stack adopt` writes; who names it has chosen the others as well
ADOPTED = "compose.bootstrap.yaml"
_NAME_THEM = "name them in bootstrap.yaml: compose_files: [compose.yaml]"


@dataclass(frozen=True)
class Found:
    """Files below the stack's folder, in the order of `-f`; `passed_over`: others of a name that Compose knows."""

    files: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


def find(folder: Path, named: Sequence[str] = (), from_example: str | None = None) -> Found:
    """`named` are bootstrap.yaml's, `from_example` is COMPOSE_FILE of the stack's example. A stack of before keeps its
    docker-compose.prod.yml, whatever stands beside it. StackError when there is none."""
    if named:
        return Found(_checked(folder, named, "compose_files"))
    in_example = tuple(name for name in (from_example or "").split(SEPARATOR) if name)
    chosen = {PurePosixPath(name).name for name in in_example} & {COMPOSE_FILE, ADOPTED}
    if (folder / COMPOSE_FILE).exists() and not chosen:
        return Found((COMPOSE_FILE,))
    if in_example:
        return Found(_checked(folder, in_example, f"{ENV_EXAMPLE}: {VARIABLE}"))
    bases = [name for name in STANDARD if (folder / name).exists()]
    overrides = [name for name in OVERRIDES if (folder / name).exists()]
    if not bases:
        what = "cannot be read: No such file or directory, nor is there " + ", ".join(STANDARD[:-1])
        remedy = _NAME_THEM if folder.is_dir() else "name a stack's folder with --stack"
        raise StackError(COMPOSE_FILE, f"{what} or {STANDARD[-1]}", remedy)
    return Found((bases[0], *overrides[:1]), (*bases[1:], *overrides[1:]))


def _checked(folder: Path, names: Sequence[str], where: str) -> tuple[str, ...]:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or SEPARATOR in name or not name.isprintable():
            raise StackError(where, f"{name!r} is no file inside the stack", "name it from the stack's folder on")
        if not (folder / name).is_file():
            raise StackError(where, f"there is no {name} in {folder}", "correct the name")
    if len(set(names)) < len(names):
        raise StackError(where, "a file stands there twice", "name each once")
    return tuple(str(PurePosixPath(name)) for name in names)

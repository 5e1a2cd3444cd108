"""What somebody brings: their Compose files as one model, and the examples of their environment. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import commonpath
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from bootstrap.stack import files, loading
from bootstrap.stack.adopt.names import is_foreign, is_named_secret
from bootstrap.stack.compose_view import ServiceView, StackView, is_file, mapping
from bootstrap.stack.errors import StackError
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import DotenvError, Entry
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE, ENV_FILE
from bootstrap_agent.contract.release import SEPARATOR

# beside a `.env`, what shows others what belongs into it; the first that is there
EXAMPLES = (
    *(ENV_EXAMPLE, ".env.prod.example", ".env.example", ".env.sample", ".env.template", ".env.dist"),
    *(
        f"{ENV_FILE}.sample",
        ".env.prod.sample",
        ".example.env",
        "env.example",
        "env.sample",
        "example.env",
        "sample.env",
        "env.dist",
    ),
    *(".env.default", ".env.docker.example", "dotenv.example", ".env-example", ".env_example", ".env-sample"),
)
_PRODUCTION = (COMPOSE_FILE, "docker-compose.prod.yaml", "docker-compose.production.yml",
               "docker-compose.production.yaml", "compose.prod.yaml", "compose.prod.yml", "compose.production.yaml",
               "compose.production.yml", "production.yml")  # fmt: skip
_DEEP = 2


@dataclass(frozen=True)
class Source:
    """`folder` is the stack's: what all files and build contexts are below. `files` are named from there on. `example`
    is what the user's own example says of variables; `env_files` what those of each service hold."""

    folder: Path
    files: tuple[str, ...]
    view: StackView
    example: Mapping[str, Entry]
    example_name: str
    env_files: Mapping[str, Mapping[str, str]]
    missing_env_files: Mapping[str, tuple[str, ...]]

    @cached_property
    def values(self) -> dict[str, str]:
        """Of all examples; the first that names a variable tells its value."""
        found = {name: entry.value for name, entry in self.example.items()}
        for held in self.env_files.values():
            for name, value in held.items():
                found[name] = found.get(name) or value
        return found

    @property
    def base(self) -> str:
        """The folder of the first file, which paths in all of them are from."""
        return str(PurePosixPath(self.files[0]).parent)

    @property
    def override(self) -> str:
        return str(PurePosixPath(self.base) / files.ADOPTED)

    def from_base(self, path: str) -> str:
        """A path of the stack's folder, as it is written in a Compose file."""
        return "./" + relpath(path, self.base)


def gather(start: Path, named: Sequence[str] = ()) -> Source:
    """`named` are files below `start`, else they are found there. StackError with what cannot be read."""
    top = _repository(start)
    inner = start.resolve().relative_to(top)
    found = tuple(normpath(str(inner / name)) for name in (named or _find(start)))
    names = tuple(name for name in found if PurePosixPath(name).name != files.ADOPTED)
    if outside := [name for name in names if name.startswith("..")]:
        raise StackError(outside[0], f"is outside of {top}", "call this in their common folder")
    folder = top / _common(top, names)
    names = tuple(str((top / name).relative_to(folder)) for name in names)
    base = Path(names[0]).parent
    example_name, example = _example(folder, base)
    values = {name: entry.value for name, entry in example.items()}
    document, _ = loading.document(folder, names, values)
    view = StackView(folder, document, None, values, base)
    pairs = {one.name: _env_files(view, one) for one in view.services}
    held = {name: found for name, (found, _) in pairs.items()}
    missing = {name: lost for name, (_, lost) in pairs.items() if lost}
    return Source(folder, names, view, example, example_name, held, missing)


def _repository(start: Path) -> Path:
    """Git's, or the folder itself."""
    start = start.resolve()
    return next((one for one in (start, *start.parents) if (one / ".git").exists()), start)


def _find(start: Path) -> tuple[str, ...]:
    """Those of COMPOSE_FILE in `.env`; Compose's names there, one of production first; else in the only folder below
    that has some."""
    named = _entries(start / ".env").get(files.VARIABLE) if is_file(start / ".env") else None
    here = tuple(named.value.split(SEPARATOR)) if named and named.value else _found_in(start)
    if here:
        return here
    below = [one for one in _folders(start, _DEEP) if _found_in(one)]
    nearest = [one for one in below if len(one.parts) == min(len(other.parts) for other in below)]
    if len(nearest) == 1:
        return tuple(f"{nearest[0].relative_to(start)}/{name}" for name in _found_in(nearest[0]))
    if below:
        places = ", ".join(str(one.relative_to(start)) for one in below)
        raise StackError(str(start), f"there are Compose files in {places}", "name those that belong together with -f")
    raise StackError(str(start), f"there is no {files.STANDARD[0]} here", "name the Compose files with -f")


def _found_in(folder: Path) -> tuple[str, ...]:
    standard = [name for name in files.STANDARD if (folder / name).is_file()]
    production = [name for name in _PRODUCTION if (folder / name).is_file()]
    if production:
        # one that has all it needs stands alone; another changes the first, as everybody calls it
        alone = _stands_alone(folder, production[0])
        return (production[0],) if alone or not standard else (standard[0], production[0])
    try:
        return files.find(folder).files
    except StackError:
        return ()


def _stands_alone(folder: Path, name: str) -> bool:
    try:
        document, _ = loading.document(folder, (name,), {})
    except StackError:
        return False
    return all("image" in mapping(one) or "build" in mapping(one) for one in mapping(document.get("services")).values())


def _folders(start: Path, deep: int) -> Iterator[Path]:
    if not deep:
        return
    for one in sorted(start.iterdir()):
        if one.is_dir() and not one.name.startswith(".") and one.name not in ("node_modules", "vendor"):
            yield one
            yield from _folders(one, deep - 1)


def _common(top: Path, names: tuple[str, ...]) -> str:
    """The folder, from `top` on, of the files, what they read, and what is built and mounted."""
    base = Path(names[0]).parent
    document, also = loading.document(top, names, {name: one.value for name, one in _example(top, base)[1].items()})
    view = StackView(top, document, None, {}, base)
    folders = [str(PurePosixPath(name).parent) for name in (*names, *also)]
    for one in view.services:
        paths = [str(one.build.get("context") or ".")] if one.build else []
        paths += [mount.source for mount in one.mounts if mount.is_bind] + [path for path, _ in one.env_files]
        places = [view.place(one.filled(path)) for path in paths if "$" not in one.filled(path) and "://" not in path]
        folders += [place if (top / place).is_dir() else str(PurePosixPath(place).parent) for place in places]
    inside = [one for one in folders if not one.startswith(("/", "..", "~"))]
    return commonpath([str(top / one) for one in inside])[len(str(top)) :].lstrip("/")


def _example(folder: Path, base: Path) -> tuple[str, dict[str, Entry]]:
    for place in dict.fromkeys((base, Path())):
        for name in EXAMPLES:
            if (folder / place / name).is_file() and not (name == ENV_EXAMPLE and _ours(folder / place / name)):
                return str(place / name), _entries(folder / place / name)
    return "", {}


def _ours(path: Path) -> bool:
    return "bootstrap" in path.read_text(errors="replace").partition("\n")[0]


def _entries(path: Path) -> dict[str, Entry]:
    """As far as it is one: an example is read by people first."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return {entry.name: entry for entry in dotenv.entries(text, path.name)}
    except DotenvError:
        found: dict[str, Entry] = {}
        for line in text.splitlines():
            try:
                found.update({entry.name: entry for entry in dotenv.entries(line, path.name)})
            except DotenvError:
                continue
        return found


def _env_files(view: StackView, service: ServiceView) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the hidden ones hold by their examples, and those of which nothing is known."""
    held: dict[str, str] = {}
    missing = []
    for path, required in service.env_files:
        if not is_hidden(view, path):
            continue
        shown = _example_of(view.file(path)) if _is_private(path) else view.file(path)
        if shown is None and view.file(path).is_file():
            # its names are no secret; its values may be
            held.update(dict.fromkeys(_entries(view.file(path)), ""))
        elif shown is not None:
            held.update({name: entry.value for name, entry in _entries(shown).items()})
        elif required:
            missing.append(path)
    return held, tuple(missing)


def is_hidden(view: StackView, path: str) -> bool:
    """One that is in no repository, or that holds what should not be in one."""
    if _is_private(path):
        return True
    return is_file(view.file(path)) and any(
        is_named_secret(name) and not is_foreign(name) for name in _entries(view.file(path))
    )


def _is_private(path: str) -> bool:
    return any(part.startswith(".") and part.strip(".") for part in PurePosixPath(path).parts)


def _example_of(path: Path) -> Path | None:
    own = (
        *(f"{path.name}{end}" for end in (".example", ".sample", ".template", ".dist", "-example", "-sample")),
        f"example{path.name}",
    )
    found = (path.parent / name for name in (*own, *EXAMPLES))
    return next((one for one in found if one.is_file() and not _ours(one)), None)

"""Reads, decides, and writes what is new: `compose.bootstrap.yaml` and `.env.production.example`, nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.stack import env_template
from bootstrap.stack.adopt import data, environment, front, render, services
from bootstrap.stack.adopt.book import Book, Decision, Place, Told, Variable
from bootstrap.stack.adopt.source import Source, gather
from bootstrap.stack.errors import StackError
from bootstrap.stack.files import ADOPTED, VARIABLE
from bootstrap_agent.contract import composefile
from bootstrap_agent.contract.composefile import ComposeFileError, Model
from bootstrap_agent.contract.paths import ENV_EXAMPLE
from bootstrap_agent.contract.release import SEPARATOR

EXAMPLE_HEADER = """\
# Written by `bootstrap stack adopt`: every variable of the stack. On the droplet .env.production is made from it:
# <domain> and <generated> are filled in; any other <…> you give, in the file that `env_file` in bootstrap.yaml
# names.
"""


@dataclass(frozen=True)
class Adopted:
    """`folder` is the stack's. `new` and `added` are what was not there before; `left` is for a person to decide."""

    folder: Path
    files: tuple[str, ...]
    override: str
    text: str
    example: str
    new: tuple[Decision, ...]
    added: tuple[Variable, ...]
    left: tuple[Told, ...]

    def write(self) -> None:
        (self.folder / self.override).write_text(self.text, encoding="utf-8")
        (self.folder / ENV_EXAMPLE).write_text(self.example, encoding="utf-8")


def adopt(start: Path, named: Sequence[str] = ()) -> Adopted:
    """Writes nothing. StackError for what cannot be read."""
    source = gather(start, named)
    before, example_before = _before(source.folder / source.override), _before(source.folder / ENV_EXAMPLE)
    book = decide(source, example_before)
    files = SEPARATOR.join((*source.files, source.override))
    variables = [Variable(VARIABLE, files, "the Compose files"), *book.variables.values()]
    if example_before:
        there = env_template.parse(example_before).values
        variables = [one for one in variables if one.name not in there]
        more = f"# Added by `bootstrap stack adopt`:\n{render.example(variables)}" if variables else ""
        example = example_before + ("\n" if more and not example_before.endswith("\n") else "") + more
    else:
        example = EXAMPLE_HEADER + render.example(variables)
    lengths = {one.name: one.length for one in book.variables.values()}
    for name in sorted(env_template.parse(example).generated):
        book.decide(("x-bootstrap", "secrets", name), lengths.get(name) or environment.LENGTH)
    known = _known(before)
    new = tuple(one for one in book.decisions.values() if not _is_known(one.place, known))
    text = _override(source, before, new)
    return Adopted(source.folder, source.files, source.override, text, example, new, tuple(variables), tuple(book.left))


def decide(source: Source, example: str = "") -> Book:
    """`example` is the .env.production.example that is there already."""
    book = Book(present=frozenset(env_template.parse(example).values))
    name = str(source.view.document.get("name") or source.folder.resolve().name).lower()
    slug = re.sub(r"[^a-z0-9_-]+", "-", name).strip("-_") or "stack"
    if "name" not in source.view.document:
        book.decide(("name",), slug, "what containers and images are called, whatever the folder is")
    book.decide(("x-bootstrap", "name"), slug, "names the image: bootstrap-" + slug + "-…")
    services.adopt(source, book)
    environment.adopt(source, book)
    front.adopt(source, book)
    data.adopt(source, book)
    if ("x-bootstrap", "health") not in book.decisions:
        book.decide(("x-bootstrap", "health"), ["/"], "must answer 200 over HTTPS before traffic comes")
    return book


def _before(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(path.name, f"cannot be read: {error}", "mend it, or move it away") from None


def _known(text: str) -> set[Place]:
    """What stands in the file, and what was decided once."""
    known = {tuple(name.split(".")) for line in text.splitlines() if line.startswith(render.DECIDED)
             for name in line.removeprefix(render.DECIDED).split()}  # fmt: skip
    return known | set(render.mapping_places(_document(text)))


def _is_known(place: Place, known: set[Place]) -> bool:
    """A dot in a name makes two of it in the record, and one again here."""
    return place in known or tuple(".".join(place).split(".")) in known


def _document(text: str) -> dict[str, object]:
    model = Model()
    try:
        composefile.add(model, text, ADOPTED)
    except ComposeFileError as error:
        raise StackError(error.where, error.what, error.remedy) from None
    return model.document


def _override(source: Source, before: str, new: tuple[Decision, ...]) -> str:
    """What is there stays to the letter; what is new is one document more, which Compose lays over it."""
    if not new:
        return before
    record = render.decided(one.place for one in new)
    if not before:
        return f"{render.HEADER.format(files=', '.join(source.files))}\n{render.override(new)}\n{record}"
    return f"{before.rstrip()}\n---\n# Added when called again\n{render.override(new)}\n{record}"

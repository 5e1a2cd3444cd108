"""Compose files as Compose reads them: its YAML (`on` is a name, `2222:22` is text), one model of several files.

Laptop and droplet read with this very module, so both see the `x-bootstrap` that Compose would hand on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap_agent.contract import merging
from bootstrap_agent.contract.merging import OVERRIDE, RESET, Override, Place

# Compose's own limit: a file of a few lines may stand for a billion
MOST_NODES = 100_000
_STRING = "tag:yaml.org,2002:str"
_REMEDY = "correct the YAML"


class ComposeFileError(ValueError):
    """`where` is the file, with the line where there is one. The message holds no value, only keys."""

    def __init__(self, where: str, what: str, remedy: str = _REMEDY) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.remedy = where, what, remedy


@dataclass
class Model:
    """What the files say together. `lines`: where a place was said last, such as ("services", "app") → "compose.yaml,
    line 3"."""

    document: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, str] = field(default_factory=dict)

    def where(self, *place: str) -> str | None:
        """Of the place, or of the nearest one around it."""
        for length in range(len(place), 0, -1):
            if found := self.lines.get(place[:length]):
                return found
        return None


def read(files: Sequence[Path], names: Sequence[str] | None = None) -> Model:
    """The model of all, later ones over earlier ones; `names` tell the files in errors. OSError, UnicodeDecodeError,
    ComposeFileError."""
    model = Model()
    for path, name in zip(files, names or [path.name for path in files], strict=True):
        add(model, path.read_text(encoding="utf-8"), name)
    return model


def add(
    model: Model, text: str, name: str, resolve: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document
) -> None:
    """One more file, each of its documents, as `resolve` makes them, over what was there. ComposeFileError."""
    try:
        for node in _nodes(text):
            builder = _Builder(name)
            built = builder.build(node, ())
            if built is None:
                continue
            if not isinstance(built, dict):
                raise ComposeFileError(name, "is not a mapping", "see the Compose specification")
            model.document = merging.merge(model.document, resolve(built))
            model.lines |= builder.lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        raise ComposeFileError(where, getattr(error, "problem", None) or "not YAML") from None
    except RecursionError:
        raise ComposeFileError(name, "is nested too deeply") from None
    except merging.MergeError as error:
        what = f"{'.'.join(error.place)} cannot be merged: {error}"
        raise ComposeFileError(name, what, "give it the form that the other file has") from None


class _Loader(yaml.SafeLoader):
    """YAML as Compose's library resolves it: its own idea of a boolean, a number and nothing else."""


def _resolvers() -> Iterator[tuple[str, str, list[str]]]:
    yield "bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")
    yield "null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]
    yield "int", r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$", list("-+0123456789")
    yield (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+0123456789."),
    )
    yield "merge", r"^(?:<<)$", ["<"]


def _install_resolvers() -> None:
    _Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in _resolvers():
        _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


_install_resolvers()


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield node
    finally:
        loader.dispose()


class _Builder:
    """Plain values of a node, the lines of its keys, and what Compose refuses: a key twice, a key that is no text, an
    alias of itself."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Place, str] = {}
        self._name = name
        self._open: set[int] = set()
        self._left = MOST_NODES

    def build(self, node: yaml.Node, place: Place) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ComposeFileError(self._where(node), f"stands for more than {MOST_NODES} values")
        if id(node) in self._open:
            raise ComposeFileError(self._where(node), "an alias refers to what it is a part of")
        self._open.add(id(node))
        try:
            return self._tagged(node, place)
        finally:
            self._open.remove(id(node))

    def _tagged(self, node: yaml.Node, place: Place) -> Any:
        if node.tag == "!reset":
            return RESET
        value = self._plain(node, place)
        return Override(value) if node.tag == OVERRIDE else value

    def _plain(self, node: yaml.Node, place: Place) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            items = [self.build(item, (*place, f"[{index}]")) for index, item in enumerate(node.value)]
            return [item for item in items if item is not RESET]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        seen: dict[str, int] = {}
        own: dict[str, Any] = {}
        inherited: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                inherited = {**self._inherited(value, place), **inherited}
                continue
            if not isinstance(key, yaml.ScalarNode) or not isinstance(_scalar(key), str):
                raise ComposeFileError(self._where(key), "a key that is no text", "put it into quotes")
            name = str(key.value)
            if name in seen:
                what = f"{name} stands there twice, first in line {seen[name]}"
                raise ComposeFileError(self._where(key), what, "keep one of them")
            seen[name] = line
            inside = (*place, name)
            self.lines[inside] = self._where(key)
            own[name] = self.build(value, inside)
        return {**inherited, **own}

    def _inherited(self, value: yaml.Node, place: Place) -> dict[str, Any]:
        built = self.build(value, place)
        merged: dict[str, Any] = {}
        for one in [*reversed(built)] if isinstance(built, list) else [built]:
            if not isinstance(one, Mapping):
                raise ComposeFileError(self._where(value), "<< takes a mapping, or a list of some")
            merged |= one
        return merged

    def _where(self, node: yaml.Node) -> str:
        return f"{self._name}, line {node.start_mark.line + 1}"


def _scalar(node: yaml.Node) -> Any:
    """Text under a tag that nobody knows, as Compose has it."""
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            return _integer(text.replace("_", ""))
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text


def _integer(text: str) -> int:
    """0777 is octal, as is 0o777."""
    sign, digits = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        digits = f"0o{digits}"
    return int(sign + digits, 0)

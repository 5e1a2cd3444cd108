"""Forms: structs of msgspec over JSON and YAML. What does not fit its form is listed, entry by entry.

A form is open: entries that it does not know are left out, so that either side may be the newer one. `closed` refuses
them. A rule that a type cannot say stands beside the type, as `Meta(extra={"rule": …})`: a function that takes the
value and returns what is wrong with it, or None.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

T = TypeVar("T")


class Problem(NamedTuple):
    """`where` is the way to the entry, as `mail.port`; empty for the whole."""

    where: str
    what: str

    def __str__(self) -> str:
        return ": ".join(filter(None, self))


class FormError(ValueError):
    """All that is wrong. Names entries and types, and never repeats a value of a type that is right but for a rule."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def decode(text: str | bytes, kind: type[T], *, closed: bool = False) -> T:
    """From JSON. FormError also when it is none."""
    try:
        raw = json.loads(text)
    except ValueError:
        raise FormError([Problem("", "is not JSON")]) from None
    return read(raw, kind, closed=closed)


def encode(value: Any, *, indent: int = 0) -> str:
    """To JSON, as one line unless `indent` is given."""
    data = msgspec.json.encode(value)
    return (msgspec.json.format(data, indent=indent) if indent else data).decode()


def plain(value: Any) -> Any:
    """As it is on the wire, but not yet text: mappings, lists, text and numbers; a time as `2026-11-24T02:00:00Z`."""
    return msgspec.to_builtins(value)


def read(raw: object, kind: type[T], where: str = "", *, closed: bool = False, strict: bool = True) -> T:
    """`strict=False` takes `"5"` for 5, as a person may write it."""
    if found := list(problems(raw, kind, where, closed=closed, strict=strict)):
        raise FormError(found)
    return msgspec.convert(raw, kind, strict=strict)


def problems(
    raw: object, kind: Any, where: str = "", *, closed: bool = False, strict: bool = True
) -> Iterator[Problem]:
    """The innermost: what is wrong within an entry is not said of the entry again."""
    inner = list(_names(raw, kind, where, closed))
    for name, value, its_kind in _parts(raw, kind):
        inner += problems(value, its_kind, _join(where, name), closed=closed, strict=strict)
    if inner:
        yield from inner
        return
    try:
        value = msgspec.convert(raw, kind, strict=strict)
    except msgspec.ValidationError as error:
        yield Problem(where, str(error).partition(" - at `")[0])
        return
    wrong = next((wrong for rule in _rules(kind) if (wrong := rule(value))), None)
    if wrong:
        yield Problem(where, wrong)


def _names(raw: object, kind: Any, where: str, closed: bool) -> Iterator[Problem]:
    kind = _bare(kind, raw)
    if not (_is_struct(kind) and isinstance(raw, Mapping)):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if field.required and name not in raw:
            yield Problem(_join(where, name), "Field required")
    for name in raw:
        if closed and name not in fields:
            yield Problem(_join(where, name), "Extra inputs are not permitted")


def _parts(raw: object, kind: Any) -> Iterator[tuple[object, object, Any]]:
    """Name, value and form of each entry that both have."""
    kind = _bare(kind, raw)
    if _is_struct(kind) and isinstance(raw, Mapping):
        for field in msgspec.structs.fields(kind):
            if field.encode_name in raw:
                yield field.encode_name, raw[field.encode_name], field.type
    elif get_origin(kind) is dict and isinstance(raw, Mapping):
        yield from ((name, value, get_args(kind)[1]) for name, value in raw.items())
    elif get_origin(kind) is tuple and isinstance(raw, list | tuple):
        yield from ((place, value, get_args(kind)[0]) for place, value in enumerate(raw))


def _bare(kind: Any, raw: object) -> Any:
    """Without what is annotated; of a form that may be None, the other one."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0], raw)
    if get_origin(kind) in (Union, types.UnionType):
        others = [one for one in get_args(kind) if one is not type(None)]
        return _bare(others[0], raw) if len(others) == 1 and raw is not None else kind
    return kind


def _rules(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from (one.extra["rule"] for one in get_args(kind)[1:] if isinstance(one, msgspec.Meta) and one.extra)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _join(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)

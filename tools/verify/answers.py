"""What the local cloud answers, as far as it can be compared: per question and status, the fields there are with the
types of their values, or the `id` of a refusal.

`local_answers.json` is written by runs against the local cloud (`--learn`), and each run in CI fails where it is no
longer so. Values are not compared: names, times and prices are an account's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.verify.recorder import Exchange
from tools.verify.routes import Routes, question

FILE = Path(__file__).with_name("local_answers.json")
# field → types of its values, with "absent" among them where not every answer has it
Shape = dict[str, set[str]]
# What the local cloud does by chance (docs/local-cloud.md, "What the API does"), or to whoever asks too early: a volume
# is held until its droplet is gone.
_BY_CHANCE = {
    ("GET /v2/actions/{action_id}", "404", "not_found"),
    ("DELETE /v2/volumes/{volume_id}", "409", "conflict"),
    ("DELETE /v2/volumes/{volume_id}", "422", "unprocessable_entity"),
}


def is_by_chance(asked: str, status: str, said: str) -> bool:
    pending = (status, said) == ("422", "unprocessable_entity") and asked.startswith("POST ") and "/actions" in asked
    return pending or (status, said) == ("429", "too_many_requests") or (asked, status, said) in _BY_CHANCE


class Answers:
    """What some cloud answered."""

    def __init__(self) -> None:
        self.shapes: dict[tuple[str, str], Shape] = {}
        self.refusals: dict[tuple[str, str], set[str]] = {}

    @classmethod
    def load(cls, file: Path = FILE) -> Answers:
        known = cls()
        for key, found in json.loads(file.read_text()).items():
            status, _, asked = key.partition(" ")
            if isinstance(found, list):
                known.refusals[asked, status] = set(found)
            else:
                known.shapes[asked, status] = {field: set(types.split("|")) for field, types in found.items()}
        return known

    def save(self, file: Path = FILE) -> None:
        """A line for each question and status."""
        whole: dict[str, Any] = {f"{status} {asked}": sorted(ids) for (asked, status), ids in self.refusals.items()}
        for (asked, status), shape in self.shapes.items():
            whole[f"{status} {asked}"] = {field: "|".join(sorted(shape[field])) for field in sorted(shape)}
        lines = [f"{json.dumps(key)}: {json.dumps(whole[key])}" for key in sorted(whole, key=_by_question)]
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n")

    def add(self, exchanges: Iterable[Exchange], routes: Routes) -> None:
        for exchange in exchanges:
            asked = question(exchange.method, routes.template(exchange.path), exchange.asked)
            key = asked, str(exchange.status)
            if exchange.status < 400:
                self.shapes[key] = _joined(self.shapes.get(key), shape_of(exchange.body))
            elif not is_by_chance(*key, refusal(exchange.body)):
                self.refusals.setdefault(key, set()).add(refusal(exchange.body))

    def statuses(self, asked: str) -> list[str]:
        return sorted(status for key, status in [*self.shapes, *self.refusals] if key == asked)


def shape_of(body: Any) -> Shape:
    """`a.b[].c` → its types; of all elements of a list together."""
    shape: Shape = {}
    for field, type_ in _fields("", body):
        shape.setdefault(field, set()).add(type_)
    return shape


def refusal(body: Any) -> str:
    return str(body.get("id", "no id")) if isinstance(body, dict) else "no JSON"


def _fields(at: str, *values: Any) -> Iterator[tuple[str, str]]:
    """All values that stand at one place: one that only some of them have is absent in others."""
    for value in values:
        yield at, _type(value)
    objects = [value for value in values if isinstance(value, dict)]
    for name in dict.fromkeys(name for value in objects for name in value):
        below = f"{at}.{name}" if at else name
        yield from _fields(below, *(value[name] for value in objects if name in value))
        if any(name not in value for value in objects):
            yield below, "absent"
    elements = [element for value in values if isinstance(value, list) for element in value]
    if elements:
        yield from _fields(f"{at}[]", *elements)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    for type_, name in ((bool, "boolean"), (str, "string"), ((int, float), "number"), (list, "list"), (dict, "object")):
        if isinstance(value, type_):
            return name
    raise TypeError(f"no JSON: {type(value)}")


def _joined(before: Shape | None, now: Shape) -> Shape:
    """What only one of the two has, although both have what it stands in, is absent at times."""
    if before is None:
        return now
    joined = {field: before.get(field, set()) | now.get(field, set()) for field in {**before, **now}}
    for field in before.keys() ^ now.keys():
        if is_told_of(field, before) and is_told_of(field, now):
            joined[field].add("absent")
    return joined


def is_told_of(field: str, shape: Shape) -> bool:
    """Whether there was an object that could have had this field, or a list with an element."""
    parent = field.rpartition(".")[0] if not field.endswith("[]") else field
    return not parent or ("object" in shape.get(parent, set()))


def _by_question(key: str) -> tuple[str, str]:
    status, _, asked = key.partition(" ")
    return asked, status

"""`.env.production.example`: the explanation and the template of `.env.production`. Pure.

`<domain>` and `<generated>` are filled in, `${NAME}` is another variable, any other `<…>` the operator must give.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bootstrap.errors import UsageError
from bootstrap.stack.errors import StackError
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import DotenvError, Entry, Parts, UnsetError
from bootstrap_agent.contract.paths import ENV_EXAMPLE

_PLACEHOLDER = re.compile(r"<[^>]*>")
# `Shop <shop@example.com>` is a value; `<you@example.com>` by itself is none
_ADDRESS = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")
DOMAIN, GENERATED = "<domain>", "<generated>"


@dataclass(frozen=True)
class EnvTemplate:
    entries: tuple[Entry, ...] = ()

    @cached_property
    def values(self) -> dict[str, str]:
        """As they stand there, quotes and escapes aside."""
        return {entry.name: entry.value for entry in self.entries}

    @cached_property
    def derived(self) -> frozenset[str]:
        """Variables whose value is made of others."""
        return frozenset(entry.name for entry in self.entries if entry.references)

    @property
    def generated(self) -> frozenset[str]:
        return frozenset(name for name, value in self.values.items() if value == GENERATED)

    @property
    def required(self) -> tuple[str, ...]:
        """Variables that the operator must give."""
        return tuple(name for name, value in self.values.items() if placeholders(value) - {DOMAIN, GENERATED})

    def render(self, domain: str, generated: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Every variable of `.env.production`; `given` wins over `generated`, which wins over the template. A value
        that somebody gave is taken as it is, as a password may hold anything."""
        given_or_made = {**generated, **given}
        final = {name: value.replace(DOMAIN, domain) for name, value in given_or_made.items()}
        for name, value in final.items():
            _check(name, value, self.values.get(name, ""))
        filled = _Filled({entry.name: entry.parts for entry in self.entries}, final, domain)
        return {name: filled.value(name) for name in {**self.values, **final}}

    def wrong_references(self) -> Iterator[StackError]:
        """The first one: others lead to the same knot."""
        read: set[str] = set()
        for entry in self.entries:
            if wrong := next(_wrong(entry, read, self.values), None):
                yield wrong
                return
            read.add(entry.name)
        filled = _Filled({entry.name: entry.parts for entry in self.entries}, {}, DOMAIN, checked=False)
        for name in self.values:
            try:
                filled.value(name)
            except StackError as error:
                yield error
                return


def parse(text: str) -> EnvTemplate:
    try:
        found = dotenv.entries(text, ENV_EXAMPLE)
        dotenv.check_names(found)
        return EnvTemplate(tuple(found))
    except DotenvError as error:
        raise StackError(error.where, error.what, error.remedy) from None


def placeholders(text: str, *, whole: bool = True) -> set[str]:
    """What somebody or something has to fill in; the address in `Name <address>` is none. `whole`: `text` is all of
    the value."""
    found = _PLACEHOLDER.findall(text)
    return {one for one in found if (whole and one == text) or not _ADDRESS.fullmatch(one)}


def is_placeholder(value: str) -> bool:
    """A value that was copied from the example, and not filled in."""
    return value != DOMAIN and _PLACEHOLDER.fullmatch(value) is not None


def _wrong(entry: Entry, read: Collection[str], known: Collection[str]) -> Iterator[StackError]:
    for reference in (inner for outer in entry.references for inner in outer.all):
        if reference.name is None:
            what = f"{entry.name} holds a {reference.text} that is no ${{NAME}}"
            yield StackError(ENV_EXAMPLE, what, "write $$ for a dollar, or put the value into single quotes")
        elif reference.operator and reference.name in known and reference.name not in read:
            what = f"{entry.name} refers to {reference.text}, and Compose reads {reference.name} further down only"
            yield StackError(ENV_EXAMPLE, what, f"move {reference.name} above {entry.name}")


@dataclass(frozen=True)
class _Filled:
    """Variables with their references filled in, wherever in the file they stand."""

    parts: Mapping[str, Parts]
    final: Mapping[str, str]
    domain: str
    checked: bool = True

    def value(self, name: str, path: tuple[str, ...] = ()) -> str:
        if name in path:
            knot = " → ".join((*path, name))
            raise StackError(ENV_EXAMPLE, f"{knot} refer to each other", "give one of them a value")
        if name in self.final:
            return self.final[name]

        def value_of(other: str) -> str | None:
            return self.value(other, (*path, name)) if other in self.parts or other in self.final else None

        parts = self.parts[name]
        try:
            return dotenv.expand(parts, value_of, lambda text: self._text(name, text, whole=len(parts) == 1))
        except UnsetError as error:
            if error.name in self.parts or error.name in self.final:
                raise StackError(ENV_EXAMPLE, f"{name} needs {error.text}, which is empty", "give it a value") from None
            what = f"{name} refers to ${{{error.name}}}, which is not set"
            raise StackError(ENV_EXAMPLE, what, f"add a line {error.name}=…") from None

    def _text(self, name: str, text: str, *, whole: bool) -> str:
        text = text.replace(DOMAIN, self.domain)
        if self.checked and (left := placeholders(text, whole=whole)):
            raise UsageError(f"{name} still holds the placeholder {min(left)}", _give(name))
        return text


def _check(name: str, value: str, template: str) -> None:
    """Of a value that somebody gave: it is not repeated, as it may be a secret."""
    if is_placeholder(value) or any(left in value for left in placeholders(template)):
        raise UsageError(f"{name} still holds the placeholder of {ENV_EXAMPLE}", _give(name))
    if "\0" in value:
        raise UsageError(f"{name} holds NUL, which no environment variable can", f"give {name} as text")


def _give(name: str) -> str:
    return f"give {name} in the file of env_file"

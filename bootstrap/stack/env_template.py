"""`.env.production.example`: the explanation and the template of `.env.production`. Pure.

`<domain>` and `<generated>` are filled in, `${NAME}` is another variable, any other `<…>` the operator must give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bootstrap.errors import UsageError
from bootstrap.stack.errors import StackError
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import DotenvError, Entry, Reference
from bootstrap_agent.contract.paths import ENV_EXAMPLE

_PLACEHOLDER = re.compile(r"<[^>]*>")
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
        known = {DOMAIN, GENERATED}
        return tuple(name for name, value in self.values.items() if set(_PLACEHOLDER.findall(value)) - known)

    def render(self, domain: str, generated: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Every variable of `.env.production`; `given` wins over `generated`, which wins over the template. A value
        that somebody gave is taken as it is, as a password may hold anything."""
        given_or_made = {**generated, **given}
        final = {name: value.replace(DOMAIN, domain) for name, value in given_or_made.items()}
        parts = {entry.name: _with_domain(entry, domain) for entry in self.entries}
        rendered = {name: _resolve(name, parts, final) for name in {**parts, **final}}
        for name, value in rendered.items():
            _check(name, value)
        return rendered

    def wrong_references(self) -> Iterator[StackError]:
        """The first one: others lead to the same knot."""
        for entry in self.entries:
            if odd := next((reference for reference in entry.references if reference.name is None), None):
                what = f"{entry.name} holds a {odd.text} that is no ${{NAME}}"
                yield StackError(ENV_EXAMPLE, what, "write $$ for a dollar, or put the value into single quotes")
                return
        parts = {entry.name: entry.parts for entry in self.entries}
        for name in parts:
            try:
                _resolve(name, parts, {})
            except StackError as error:
                yield error
                return


def parse(text: str) -> EnvTemplate:
    try:
        return EnvTemplate(tuple(dotenv.entries(text, ENV_EXAMPLE)))
    except DotenvError as error:
        raise StackError(error.where, error.what, error.remedy) from None


Parts = tuple["str | Reference", ...]


def _with_domain(entry: Entry, domain: str) -> Parts:
    return tuple(part.replace(DOMAIN, domain) if isinstance(part, str) else part for part in entry.parts)


def _resolve(name: str, parts: Mapping[str, Parts], final: Mapping[str, str], path: tuple[str, ...] = ()) -> str:
    if name in path:
        raise StackError(ENV_EXAMPLE, f"{' → '.join((*path, name))} refer to each other", "give one of them a value")
    if name in final:
        return final[name]
    if name not in parts:
        raise StackError(ENV_EXAMPLE, f"{path[-1]} refers to ${{{name}}}, which is not set", f"add a line {name}=…")

    def text_of(part: str | Reference) -> str:
        if isinstance(part, str):
            return part
        return _resolve(part.name, parts, final, (*path, name)) if part.name else part.text

    return "".join(map(text_of, parts[name]))


def _check(name: str, value: str) -> None:
    if _PLACEHOLDER.search(value):
        raise UsageError(f"{name} still holds the placeholder {value}", f"give {name} in the file of env_file")
    if "\n" in value or "\r" in value or "\0" in value:
        raise UsageError(f"{name} holds a line break", f"give {name} as one line")

"""Where values come from on a droplet: one `.env.production`, of which each service gets what it names. No secret stays
in a file, and what two services share stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from bootstrap.stack.adopt import names
from bootstrap.stack.adopt.book import RESET, Book, Override
from bootstrap.stack.adopt.source import Source, is_hidden
from bootstrap.stack.compose_view import ServiceView, mapping, sequence
from bootstrap.stack.env_template import GENERATED
from bootstrap.stack.rules import is_secret
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import RESERVED, Reference
from bootstrap_agent.contract.paths import ENV_EXAMPLE

LENGTH = 40
_CREDENTIALS = re.compile(r"://(?P<user>[^/\s:@]*):(?P<password>[^/\s@]+)@(?P<host>[\w.-]+)")
_DEFAULT = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*):?-(?P<word>[^${}]*)\}")
_REFERENCE = re.compile(r"\$\{?[A-Za-z_]")
_GUARDED = {"rabbitmq": ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS")}


def adopt(source: Source, book: Book) -> None:
    secrets = _Secrets(source, book)
    services = sorted(source.view.services, key=lambda one: one.kind != "database")
    for service in services:
        secrets.claim(service)
    secrets.claim_examples()
    for service in source.view.services:
        _env_files(source, book, secrets, service)
        for name, raw in pairs(service.body.get("environment")).items():
            _entry(source, book, secrets, service, name, raw)
    secrets.tell_of_those_that_nobody_asks_for()
    for name, reference in _references(source, book):
        _want(source, book, secrets, name, reference)
    _mail(book)


def pairs(value: Any) -> dict[str, str | None]:
    """None: the value is that of the environment."""
    if isinstance(value, Mapping):
        return {str(name): None if text is None else _text(text) for name, text in value.items()}
    found = (str(entry).partition("=") for entry in sequence(value))
    return {name: text if equals else None for name, equals, text in found}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class _Secrets:
    """Which variable a password that stands in a file becomes. `owners`: a service → the variable of its password."""

    source: Source
    book: Book
    literals: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def claim(self, service: ServiceView) -> None:
        for name, raw in pairs(service.body.get("environment")).items():
            if not raw or not names.is_named_secret(name):
                continue
            found = _DEFAULT.fullmatch(raw)
            if found:
                self.literals.setdefault(found["word"], found["name"])
            elif is_secret(name, raw) and not _REFERENCE.search(raw) and raw not in self.literals:
                variable = name if name not in self.taken else f"{_upper(service.name)}_{name}"
                self.literals[raw] = variable
                self.taken.add(variable)
            if service.kind:
                bare = re.fullmatch(r"\$\{?(\w+)(?::?[-?][^}]*)?\}?", raw)
                self.owners.setdefault(service.name, bare[1] if bare else self.literals.get(raw, name))
        for name in self.source.env_files.get(service.name, {}):
            if service.kind and names.is_named_secret(name):
                self.owners.setdefault(service.name, name)

    def tell_of_those_that_nobody_asks_for(self) -> None:
        """Then a database's clients have its password somewhere that nobody sees."""
        services = self.source.view.services
        for database in services:
            own = set(pairs(database.body.get("environment")).values())
            known = {literal: variable for literal, variable in self.literals.items() if literal in own}
            asked = any(
                self._names(one, *pair) for one in services if one.name != database.name for pair in known.items()
            )
            if known and not asked and database.kind:
                what = (
                    f"no other service is given this password of {database.name}: where it is in their code, let them"
                )
                told = f"{what} read it from the environment, or give the old one in your env_file"
                self.book.leave(", ".join(known.values()), told)

    def _names(self, service: ServiceView, literal: str, variable: str) -> bool:
        held = self.source.env_files.get(service.name, {})
        values = [*pairs(service.body.get("environment")).values(), *held.values(), str(service.body.get("command"))]
        named = variable in held or any(variable in (value or "") for value in values)
        return named or any(literal in re.split(r"[/:@\s]", value or "") for value in values)

    def claim_examples(self) -> None:
        for name, value in self.source.values.items():
            if value and "PASS" in name.upper() and is_secret(name, value) and not _REFERENCE.search(value):
                self.literals.setdefault(value, name)

    def without(self, text: str, hint: str) -> str:
        """The text with variables in the place of passwords in URLs, and of secrets' defaults."""
        text = _DEFAULT.sub(self._no_default, text)
        return _CREDENTIALS.sub(lambda found: self._no_password(found, hint), text)

    def _no_default(self, found: re.Match[str]) -> str:
        secret = found["word"] and names.is_named_secret(found["name"])
        return f"${{{found['name']}}}" if secret else found[0]

    def _no_password(self, found: re.Match[str], hint: str) -> str:
        password, host = found["password"], found["host"]
        if _REFERENCE.search(password) or password.startswith("<"):
            return found[0]
        variable = self.owners.get(host) or self.literals.get(password)
        service = next((one for one in self.source.view.services if one.name == host), None)
        if variable is None and service is not None:
            variable = f"{_upper(host)}_PASSWORD"
            if guarded := _GUARDED.get(service.product):
                why = "the account that others log in with"
                self.book.decide(("services", host, "environment", guarded[0]), found["user"], why)
                self.book.decide(("services", host, "environment", guarded[1]), f"${{{variable}}}")
            self.owners[host] = variable
            self.secret(variable)
        elif variable is None:
            variable = f"{_upper(hint)}_PASSWORD"
            self.book.variable(variable, f"<{variable}>", "of a service that is not one of this stack")
            self.book.leave(variable, f"the password in {hint} is to be given in your env_file")
        return found[0].replace(f":{password}@", f":${{{variable}}}@", 1)

    def secret(self, name: str) -> None:
        if names.is_foreign(name):
            self.book.variable(name, f"<{name}>", "somebody else gives it out")
            self.book.leave(name, "is of another service: give it in your env_file, or leave it empty in the example")
        else:
            self.book.variable(name, GENERATED, length=64 if name.upper().endswith("KEY") or "BASE" in name else LENGTH)


def _entry(source: Source, book: Book, secrets: _Secrets, service: ServiceView, name: str, raw: str | None) -> None:
    place = ("services", service.name, "environment", name)
    if raw is None:
        _want(source, book, secrets, name, None)
        return
    if not raw and service.kind and names.is_named_secret(name) and not names.is_foreign(name):
        book.decide(place, f"${{{name}}}", "made by bootstrap: an empty one is refused")
        secrets.secret(name)
        return
    if is_secret(name, raw) and not _CREDENTIALS.search(raw):
        found = _DEFAULT.fullmatch(raw)
        variable = found["name"] if found else secrets.literals.get(raw)
        if variable:
            book.decide(place, f"${{{variable}}}", "made by bootstrap, and in no file of the repository")
            secrets.secret(variable)
            return
    changed = secrets.without(raw, name)
    if changed != raw:
        book.decide(place, changed, "without the password")
    elif not _REFERENCE.search(raw):
        other = names.of_production(name, raw)
        if other is not None:
            book.decide(place, other, f"not {raw}: visitors come here")
        elif (site := names.of_the_site(name, raw)) is not None:
            book.decide(place, site.replace("<domain>", "${DOMAIN}"), "the site's own name")
            book.variable("DOMAIN", "<domain>", "the name that serves this stack")


def _env_files(source: Source, book: Book, secrets: _Secrets, service: ServiceView) -> None:
    hidden = [path for path, _ in service.env_files if is_hidden(source.view, path)]
    if not hidden:
        return
    kept = [path for path, _ in service.env_files if path not in hidden]
    place = ("services", service.name, "env_file")
    held = source.env_files.get(service.name, {})
    why = f"{', '.join(hidden)} is in no image; what it holds comes from .env.production, by name"
    book.decide(place, Override(kept) if kept else RESET, why)
    own = pairs(service.body.get("environment"))
    for name in held:
        if name in RESERVED:
            continue
        if name not in own:
            book.decide(("services", service.name, "environment", name), f"${{{name}}}")
        _want(source, book, secrets, name, None)
    for path in source.missing_env_files.get(service.name, ()):
        what = f"nobody knows what {path} holds, no example is beside it: write NAME=value lines into {ENV_EXAMPLE}"
        book.leave(f"services.{service.name}.env_file", f"{what}, and the names into `environment` of this service")


def _references(source: Source, book: Book) -> Iterator[tuple[str, Reference | None]]:
    """Of everything but what the override replaces."""
    replaced = {one.place for one in book.decisions.values()}
    for kind in ("services", "networks", "volumes", "secrets", "configs"):
        for name, body in mapping(source.view.document.get(kind)).items():
            yield from _within(body, (kind, name), replaced)
    for one in list(book.decisions.values()):
        yield from _within(one.value, (), set())
    for kind in ("secrets", "configs"):
        for body in mapping(source.view.document.get(kind)).values():
            if variable := mapping(body).get("environment"):
                yield str(variable), None


def _within(
    value: Any, place: tuple[str, ...], replaced: set[tuple[str, ...]]
) -> Iterator[tuple[str, Reference | None]]:
    if place in replaced:
        return
    if isinstance(value, Override):
        yield from _within(value.value, place, replaced)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _within(one, (*place, str(key)), replaced)
    elif isinstance(value, list):
        for one in value:
            named = str(one).partition("=")[0]
            yield from _within(one, (*place, named), replaced)
    elif isinstance(value, str):
        for part in dotenv.parts(value):
            if isinstance(part, Reference):
                yield from ((one.name, one) for one in part.all if one.name)


def _word(reference: Reference | None) -> bool:
    return bool(reference and reference.operator.endswith("-") and any(reference.word))


def _want(source: Source, book: Book, secrets: _Secrets, name: str, reference: Reference | None) -> None:
    """A line of the example for a variable that is used."""
    if name in RESERVED or name in book.variables or name in book.present:
        return
    value = source.values.get(name)
    operator = reference.operator if reference else ""
    if names.is_named_secret(name):
        if operator.endswith("-") and not names.is_foreign(name) and not value and not _word(reference):
            return
        _secret_line(book, secrets, name, value)
    elif (site := names.of_the_site(name, value or "")) is not None and (value is not None or not _word(reference)):
        book.variable(name, site)
    elif value is None and operator.endswith(("-", "+")):
        # the file's own default will do
        return
    elif value is None:
        required = operator.endswith("?")
        book.variable(name, f"<{name}>" if required else "", "no example says what it is")
        book.leave(name, "no example says what it is: " + ("give it in your env_file" if required else "it is empty"))
    else:
        switched = names.of_production(name, value)
        told = secrets.without(value, name) if switched is None else switched
        for part in dotenv.parts(told):
            # Compose reads a file from its top
            if isinstance(part, Reference) and part.name and part.name != name:
                _want(source, book, secrets, part.name, part)
        book.variable(name, told)


def _secret_line(book: Book, secrets: _Secrets, name: str, value: str | None) -> None:
    if (value and value.startswith("base64:")) or name == "APP_KEY":
        book.variable(f"{name}_RANDOM", GENERATED, length=43)
        book.variable(name, f"base64:${{{name}_RANDOM}}=", "32 bytes, as Laravel wants them")
        return
    if names.is_foreign(name) and not value:
        book.variable(name, "", "somebody else gives it out; empty, it is not used")
        return
    if value and _CREDENTIALS.search(value):
        told = secrets.without(value, name)
        book.variable(name, told)
        return
    first = secrets.literals.get(value or "")
    if value and first and first != name and "PASS" in name.upper():
        secrets.secret(first)
        book.variable(name, f"${{{first}}}", "the same password")
        return
    secrets.secret(name)


def _mail(book: Book) -> None:
    found: dict[str, str] = {}
    for name in book.variables:
        if entry := names.mail_entry(name):
            found.setdefault(entry, name)
    if {"host", "port"} <= set(found):
        why = "what `smtp:` in bootstrap.yaml fills in"
        book.decide(("x-bootstrap", "mail"), {entry: found[entry] for entry in names.MAIL if entry in found}, why)


def _upper(name: str) -> str:
    return re.sub(r"\W+", "_", PurePosixPath(name).name).upper()

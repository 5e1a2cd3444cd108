"""What goes over the wire, without a word of HTTP's machinery: errors, bodies, pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MAX_PAGE = 200
DEFAULT_PAGE = 20
# more digits than any number here has; a number of thousands of digits is an attack on its reader
MAX_DIGITS = 18
HOSTNAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]")
TAG = re.compile(r"[a-zA-Z0-9_\-:]{1,255}")


class ApiError(Exception):
    """An answer that is DigitalOcean's error body: {"id": …, "message": …}."""

    def __init__(self, status: int, id: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.id = id
        self.message = message


def not_found() -> ApiError:
    return ApiError(404, "not_found", "The resource you were accessing could not be found.")


def unprocessable(message: str) -> ApiError:
    return ApiError(422, "unprocessable_entity", message)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "bad_request", message)


def conflict(message: str) -> ApiError:
    return ApiError(409, "conflict", message)


def forbidden() -> ApiError:
    return ApiError(403, "forbidden", "You are not authorized to perform this operation")


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unable to authenticate you")


def now() -> str:
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)


@dataclass(frozen=True)
class Body:
    """A request's JSON object; every accessor answers the value in its type or raises the 422 that names the field."""

    values: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """Go's clients send every field: an empty text is one that was not given."""
        value = self.values.get(name)
        if value in (None, "") and default is not None:
            return default
        if not isinstance(value, str) or not value:
            raise unprocessable(f"{name} can't be blank")
        return value

    def short_text(self, name: str, limit: int, default: str | None = None) -> str:
        return _short(name, self.text(name, default), limit)

    def free_text(self, name: str, limit: int, default: str) -> str:
        """As it was sent, also when it is empty; the default where it was not."""
        return _short(name, "" if self.values.get(name) == "" else self.text(name, default), limit)

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.values.get(name) not in (None, "") else None

    def number(self, name: str) -> int:
        number = self.optional_number(name)
        if number is None:
            raise unprocessable(f"{name} can't be blank")
        return number

    def optional_number(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _is_number(value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise unprocessable(f"{name} is not a number")
        return value

    def within(self, name: str, least: int, most: int) -> int:
        number = self.number(name)
        if not least <= number <= most:
            raise unprocessable(f"{name} must be between {least} and {most}")
        return number

    def flag(self, name: str, default: bool | None = None) -> bool:
        """python-digitalocean sends some as text, and DigitalOcean takes them."""
        value = self.values.get(name)
        value = default if value is None else {"true": True, "false": False}.get(str(value).lower())
        if not isinstance(value, bool):
            raise unprocessable(f"{name} must be true or false")
        return value

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in options:
            raise unprocessable(f"{name} must be one of {', '.join(options)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        items = self.items(name)
        if not all(isinstance(item, str) and item for item in items):
            raise unprocessable(f"{name} must be an array of strings")
        return tuple(dict.fromkeys(items))

    def object(self, name: str) -> Body:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise unprocessable(f"{name} must be an object")
        return Body(value)

    def items(self, name: str) -> list[Any]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise unprocessable(f"{name} must be an array")
        return value

    def objects(self, name: str) -> list[Body]:
        items = self.items(name)
        if not all(isinstance(item, dict) for item in items):
            raise unprocessable(f"{name} must be an array of objects")
        return [Body(item) for item in items]

    def numbers(self, name: str) -> tuple[int, ...]:
        return tuple(Body({name: item}).number(name) for item in self.items(name))

    def tags(self, name: str = "tags") -> tuple[str, ...]:
        items = self.items(name)
        for item in items:
            if not isinstance(item, str) or not TAG.fullmatch(item):
                raise unprocessable("tags may contain letters, numbers, colons, dashes, and underscores only")
        return tuple(dict.fromkeys(items))


def page(base: str, key: str, rows: Sequence[Any], query: Mapping[str, str]) -> tuple[Sequence[Any], Json]:
    """The rows of the page asked for, and the `links` and `meta` that go with them."""
    number = _positive(query, "page", 1)
    size = _positive(query, "per_page", DEFAULT_PAGE)
    if size > MAX_PAGE:
        raise unprocessable(f"per_page must be less than or equal to {MAX_PAGE}")
    last = max(1, -(-len(rows) // size))

    def link(to: int) -> str:
        rest = "".join(f"&{k}={v}" for k, v in query.items() if k not in ("page", "per_page"))
        return f"{base}?page={to}&per_page={size}{rest}"

    pages: Json = {}
    if number > 1:
        pages |= {"first": link(1), "prev": link(min(number - 1, last))}
    if number < last:
        pages |= {"next": link(number + 1), "last": link(last)}
    shown = rows[(number - 1) * size : number * size]
    return shown, {"links": {"pages": pages} if pages else {}, "meta": {"total": len(rows)}}


def _short(name: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise unprocessable(f"{name} must be at most {limit} characters")
    return text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not _is_number(value) or int(value) == 0:
        raise unprocessable(f"{name} must be a positive number")
    return int(value)

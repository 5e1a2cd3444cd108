"""Tickets as a table for other programs, a row at a time: a list of any length takes little memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from common.people import Reader, shown
from django.http import StreamingHttpResponse
from django.utils import timezone
from rest_framework.request import Request

from tickets.models import Ticket
from tickets.views import Tickets

# Of a list that is longer than a person reads: the first of them, in the order that was asked for.
MOST = 50_000
CHUNK = 500
# What a spreadsheet takes for a formula, behind spaces as well.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BYTE_ORDER_MARK = "\ufeff"  # Excel takes the text for Latin-1 without
HEAD = (
    "number", "title", "status", "priority", "owner", "owner_email", "assignee", "due", "overdue", "created", "changed",
)  # fmt: skip


class Export(Tickets):
    """The list, as it is filtered and as one may see it, as CSV."""

    http_method_names = ("get", "head", "options")
    pagination_class = None
    answer_class: Any = {(200, "text/csv"): str}  # noqa: RUF012

    def get(self, request: Request, *args: Any, **kwargs: Any) -> StreamingHttpResponse:
        found = self.get_queryset().prefetch_related(None)[:MOST]
        name = f"tickets-{timezone.now():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            lines(found.iterator(chunk_size=CHUNK), request.user),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
        )


class _Line:
    """What csv writes to: hands back what it was given."""

    def write(self, text: str) -> str:
        return text


def lines(tickets: Iterator[Ticket], reader: Reader) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield _BYTE_ORDER_MARK + writer.writerow(HEAD)
    for ticket in tickets:
        yield writer.writerow([harmless(cell) for cell in _cells(ticket, reader)])


def _cells(ticket: Ticket, reader: Reader) -> list[str]:
    owner = shown(ticket.owner, reader)
    assignee = shown(ticket.assignee, reader)["name"] if ticket.assignee else ""
    facts = [str(ticket.pk), ticket.title, ticket.status, ticket.priority, owner["name"], owner["email"], assignee]
    moments = [_moment(ticket.created_at), _moment(ticket.updated_at)]
    return [*facts, _moment(ticket.due_at), "yes" if ticket.overdue else "", *moments]


def _moment(at: datetime | None) -> str:
    return at.isoformat(sep=" ", timespec="seconds") if at else ""


def harmless(cell: str) -> str:
    """People choose titles and names: none of them computes anything in whoever's spreadsheet."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell

"""Searching titles, descriptions and numbers. pg_trgm's indexes (migration 0050) find texts of three letters and more
wherever they stand; shorter ones have no index, so only titles are read for them."""

from __future__ import annotations

import re

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet

from tickets.models import Ticket

# Whoever finds more looks at the first pages, or for something else: counting on would read every ticket.
COUNTED = 1000
_INDEXED_LENGTH = 3
_NUMBER = re.compile(r"#?([0-9]{1,18})", re.ASCII)


class OfMany(Paginator):
    """Pages of a search that finds more than are counted."""

    count = COUNTED


def searched(tickets: QuerySet[Ticket], text: str, also: Q) -> tuple[QuerySet[Ticket], type[Paginator]]:
    """Those of `tickets` that say `text`, or are in `also`, in their order, and what counts them.

    In two steps, as one query would be planned for a number of hits that PostgreSQL cannot know: a rare word would be
    looked for in every ticket from the newest on, a common one be sorted as a whole."""
    saying = tickets.filter(_says(text) | also)
    hits = list(saying.order_by().values_list("pk", flat=True)[: COUNTED + 1])
    if len(hits) > COUNTED:
        return saying, OfMany
    return tickets.filter(pk__in=hits), Paginator


def _says(text: str) -> Q:
    found = Q(title__icontains=text)
    if len(text) >= _INDEXED_LENGTH:
        found |= Q(description__icontains=text)
    if number := _NUMBER.fullmatch(text):
        found |= Q(pk=int(number[1]))
    return found

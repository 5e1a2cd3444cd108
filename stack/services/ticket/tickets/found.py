"""What a list is narrowed to, beyond a column that is equal to something."""

from __future__ import annotations

import logging
import threading
from urllib.parse import urlencode

from common import remote
from common.authentication import Unavailable
from common.tokens import Person
from django.conf import settings
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from tickets.models import DONE

log = logging.getLogger(__name__)

# `assignee`: who asks, nobody, or somebody's number.
ME, NOBODY = "me", "none"
ASSIGNEE = rf"^({ME}|{NOBODY}|[1-9][0-9]{{0,17}})$"
# messaging-service knows no shorter words.
_SHORTEST = 3
# messaging-service asks us while it answers others. Threads that wait there are few, else those of both would wait for
# each other until they give up; and not for long, as the rest is found without it.
COMMENTS_S = 1.5
_at_once = threading.BoundedSemaphore(2)


def assigned_to(wanted: str, person: Person) -> Q:
    if wanted == NOBODY:
        return Q(assignee_id=None)
    return Q(assignee_id=person.id if wanted == ME else int(wanted))


def overdue() -> Q:
    return Q(due_at__lt=timezone.now()) & ~Q(status__in=DONE)


def elsewhere(text: str, token: str) -> Q:
    """Beyond what search.py reads: what was talked about in these words."""
    return Q(pk__in=_talked_about(text, token))


def _talked_about(text: str, token: str) -> list[int]:
    """Comments are messaging-service's; while it is away or busy the rest is found without it."""
    if len(text) < _SHORTEST:
        return []
    if not _at_once.acquire(blocking=False):
        log.warning("searched without comments: others wait for them already")
        return []
    url = f"{settings.MESSAGING_SERVICE_URL}/api/messaging/search/?{urlencode({'text': text})}"
    try:
        return [int(ticket) for ticket in remote.get(url, token, COMMENTS_S)["tickets"]]
    except (Unavailable, Http404):  # the latter of the release before
        log.warning("searched without comments")
        return []
    finally:
        _at_once.release()

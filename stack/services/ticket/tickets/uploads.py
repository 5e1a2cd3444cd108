"""How much people's files may take, of one and of all, and that the disk never gets full of them."""

from __future__ import annotations

import shutil

from common.tokens import Person
from django.conf import settings
from django.db.models import QuerySet, Sum
from rest_framework.exceptions import APIException

from tickets.models import Attachment

MIB = 1024 * 1024


class TooMuchOfOne(APIException):
    status_code = 413
    default_code = "quota"
    default_detail = f"your files have {settings.UPLOADS_PER_PERSON_MB} MiB together already: no more can be sent"


class NoRoom(APIException):
    status_code = 507
    default_code = "no_room"
    default_detail = "there is no room for files at the moment; people who look after this site can make some"


def refuse_too_much(person: Person, size: int) -> None:
    """Raises TooMuchOfOne, but for staff, who send files for everybody, or NoRoom. Two at once may both be the last
    one allowed: of the bounds here, none is to the byte."""
    # Staff delete a ticket to be rid of it: what went with it makes room.
    kept = Attachment.objects.exclude(ticket__deleted_at__isnull=False)
    if not person.is_staff:
        _bound(kept.filter(uploaded_by=person.id), size, settings.UPLOADS_PER_PERSON_MB, TooMuchOfOne)
    if settings.UPLOADS_TOTAL_MB:
        _bound(kept, size, settings.UPLOADS_TOTAL_MB, NoRoom)
    # The databases lie on the same disk, and go on when there is no room for files.
    if shutil.disk_usage(settings.MEDIA_ROOT).free - size < settings.UPLOADS_LEAVE_FREE_MB * MIB:
        raise NoRoom


def _bound(among: QuerySet[Attachment], size: int, at_most_mb: int, refusal: type[APIException]) -> None:
    if (among.aggregate(whole=Sum("size"))["whole"] or 0) + size > at_most_mb * MIB:
        raise refusal

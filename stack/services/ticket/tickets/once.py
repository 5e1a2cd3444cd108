"""A create that is sent again makes nothing new: `Idempotency-Key`, as Stripe has it and the IETF's draft describes it.

Key and answer are kept in the transaction that creates, for a day at least. The same key of the same person with the
same body gets the same answer; with another body it is refused; two at once wait for each other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.models import Once, Ticket

HEADER = "Idempotency-Key"
KEEP = timedelta(days=1)
_PRUNED_AT_ONCE = 20
_KEY = re.compile(r"[!-~]{1,255}")


class KeyReused(APIException):
    status_code = 422
    default_code = "idempotency_key_reused"


def once(request: Request, create: Callable[[], Response]) -> Response:
    """What `create` answers (data with `id`, the ticket's), or answered when this key came first."""
    key = _key_of(request)
    if key is None:
        return create()
    fingerprint = hashlib.sha256(json.dumps(request.data, sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        # a second one at the same time waits here, for the first one's commit or end
        kept, first = Once.objects.get_or_create(
            person_id=request.user.id, key=key, defaults={"fingerprint": fingerprint}
        )
        if not first:
            return _again(kept, fingerprint)
        answer = create()
        kept.ticket_id, kept.answer = answer.data["id"], JSONRenderer().render(answer.data).decode()
        kept.save(update_fields=["ticket_id", "answer"])
        _prune()
    return answer


def _key_of(request: Request) -> str | None:
    if HEADER not in request.headers:
        return None
    # the draft writes it in quotes, most programs do not
    key = request.headers[HEADER].strip().removeprefix('"').removesuffix('"')
    if not _KEY.fullmatch(key):
        raise ValidationError({"detail": f"{HEADER} has 1 to 255 visible ASCII characters"})
    return key


def _again(kept: Once, fingerprint: str) -> Response:
    if not Ticket.objects.filter(pk=kept.ticket_id, deleted_at=None).exists():
        raise Http404  # nothing of a deleted ticket stays readable
    if kept.fingerprint != fingerprint:
        raise KeyReused(f"this was sent before, with other words: it is ticket {kept.ticket_id}")
    return Response(json.loads(kept.answer), status=201, headers={"Idempotent-Replayed": "true"})


def _prune() -> None:
    """A few, so that none grows old and nobody waits; those that somebody else is at are theirs."""
    old = Once.objects.select_for_update(skip_locked=True).filter(at__lt=timezone.now() - KEEP)
    Once.objects.filter(pk__in=[one.pk for one in old[:_PRUNED_AT_ONCE]]).delete()

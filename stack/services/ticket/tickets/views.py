from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from common.events.outbox import emit
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import Error, InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import content_disposition_header
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.generics import ListCreateAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from tickets.found import assigned_to, elsewhere, overdue
from tickets.images import kind_of
from tickets.models import Attachment, Status, Ticket, stored_name
from tickets.once import once
from tickets.search import searched
from tickets.serializers import (
    AttachmentSerializer,
    Filters,
    HowSent,
    ListedTicketSerializer,
    TicketSerializer,
    UploadSerializer,
)
from tickets.uploads import refuse_too_much

log = logging.getLogger(__name__)


class TooLarge(APIException):
    status_code = 413
    default_detail = f"a file may have {settings.ATTACHMENT_BYTES // 1024 // 1024} MiB at most"


def visible(request: Request) -> QuerySet[Ticket]:
    """To anybody else a ticket does not exist: they get 404, which tells nothing."""
    everything = Ticket.objects.filter(deleted_at=None).prefetch_related("attachments")
    return everything if request.user.is_staff else everything.filter(owner_id=request.user.id)


def facts(ticket: Ticket) -> dict[str, Any]:
    """What events say of a ticket."""
    return {"ticket": {name: getattr(ticket, name) for name in ("id", "title", "priority", "status", "owner")}}


# What a PATCH may change; each change is told, so that it stands in the history.
EDITABLE = ("title", "description", "priority", "due_at")


EXCERPT = 200


def excerpt(name: str, value: str | datetime | None) -> dict[str, Any]:
    """What is kept of it for ever: of a long one the beginning, and how long it was."""
    text = value.isoformat() if isinstance(value, datetime) else value or ""
    return {name: text} if len(text) <= EXCERPT else {name: text[:EXCERPT], f"{name}_length": len(text)}


class Closed(APIException):
    status_code = 409
    default_detail = "a closed ticket stays as it is: reopen it first"
    default_code = "closed"


def refuse_closed(request: Request, ticket: Ticket) -> None:
    """What was agreed on must not be rewritten afterwards; staff may still put something right."""
    if ticket.status == Status.CLOSED and not request.user.is_staff:
        raise Closed


class Tickets(ListCreateAPIView[Ticket]):
    serializer_class = TicketSerializer
    query_class = Filters

    def get_serializer_class(self) -> type[BaseSerializer[Ticket]]:
        return TicketSerializer if self.request.method == "POST" else ListedTicketSerializer

    answer_class = property(get_serializer_class)

    def get_queryset(self) -> QuerySet[Ticket]:
        asked = Filters(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = visible(self.request).defer("description").annotate(excerpt=Left("description", EXCERPT))
        found = found.order_by(wanted["order"], "-pk")
        found = found.filter(**{name: wanted[name] for name in ("status", "priority") if name in wanted})
        if wanted["mine"]:
            found = found.filter(owner_id=self.request.user.id)
        if wanted["overdue"]:
            found = found.filter(overdue())
        if "assignee" in wanted:
            found = found.filter(assigned_to(wanted["assignee"], self.request.user))
        if "search" in wanted:
            also = elsewhere(wanted["search"], self.request.auth)
            found, counted = searched(found, wanted["search"], also)
            if self.paginator is not None:  # there is none for export.py
                self.paginator.django_paginator_class = counted
        return found

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return once(request, lambda: super(Tickets, self).create(request, *args, **kwargs))

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer[Ticket]) -> None:
        person = self.request.user
        ticket = serializer.save(owner_id=person.id, owner_email=person.email, owner_name=person.brief()["name"])
        emit("ticket.created", person, **facts(ticket))


class OneTicket(RetrieveUpdateDestroyAPIView[Ticket]):
    serializer_class = TicketSerializer
    http_method_names = ("get", "patch", "delete", "head", "options")

    def get_queryset(self) -> QuerySet[Ticket]:
        found = visible(self.request)
        # Locked from before it is read, else saving it could undo what an event of the workflow did meanwhile.
        return found if self.request.method in SAFE_METHODS else found.select_for_update()

    @transaction.atomic
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().patch(request, *args, **kwargs)

    @transaction.atomic
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().delete(request, *args, **kwargs)

    def perform_update(self, serializer: BaseSerializer[Ticket]) -> None:
        ticket = serializer.instance
        assert ticket is not None
        refuse_closed(self.request, ticket)
        before = {name: getattr(ticket, name) for name in EDITABLE}
        ticket = serializer.save()
        changes = {
            name: excerpt("from", old) | excerpt("to", getattr(ticket, name))
            for name, old in before.items()
            if old != getattr(ticket, name)
        }
        emit("ticket.updated", self.request.user, **facts(ticket), changes=changes)

    def perform_destroy(self, instance: Ticket) -> None:
        if not self.request.user.is_staff:
            raise PermissionDenied("only staff delete a ticket; you can withdraw or close it")
        instance.deleted_at = timezone.now()
        instance.save(update_fields=["deleted_at"])
        emit("ticket.deleted", self.request.user, **facts(instance))


class Attachments(APIView):
    parser_classes = (MultiPartParser,)
    serializer_class = UploadSerializer
    answer_class = AttachmentSerializer

    def post(self, request: Request, pk: int) -> Response:
        get_object_or_404(visible(request), pk=pk)
        upload = request.FILES.get("file")
        if not isinstance(upload, UploadedFile) or not upload.name:
            raise ValidationError({"file": ["send one as multipart/form-data"]})
        if (upload.size or 0) > settings.ATTACHMENT_BYTES:
            raise TooLarge
        refuse_too_much(request.user, upload.size or 0)
        with kept_if_all_goes_well(pk) as files, transaction.atomic():
            # Locked, so that two uploads at once do not both become the last one allowed.
            ticket = get_object_or_404(Ticket.objects.select_for_update(), pk=pk, deleted_at=None)
            refuse_closed(request, ticket)
            if ticket.attachments.count() >= settings.ATTACHMENTS_PER_TICKET:
                raise ValidationError({"file": [f"a ticket has {settings.ATTACHMENTS_PER_TICKET} files at most"]})
            name, kind = shown_name(upload.name), kind_of(upload)
            kept = Attachment(ticket=ticket, name=name, size=upload.size, content_type=kind)
            kept.uploaded_by = request.user.id
            files.append(stored_name(kept, upload.name))
            kept.file.name = default_storage.save(files[-1], upload)
            kept.save()
            emit("ticket.attached", request.user, **facts(ticket), attachment={"id": kept.pk, "name": kept.name})
        return Response(AttachmentSerializer(kept).data, status=201)


@contextmanager
def kept_if_all_goes_well(ticket: int) -> Iterator[list[str]]:
    """Files whose names are put into the list go again when their transaction does not come to its end. Where the
    connection broke, it may have: the row tells, and where that cannot be asked the file stays."""
    names: list[str] = []
    try:
        yield names
    except BaseException as error:
        for name in names:
            if not (isinstance(error, (InterfaceError, OperationalError)) and _may_be_kept(ticket, name)):
                default_storage.delete(name)
        raise


def _may_be_kept(ticket: int, name: str) -> bool:
    close_old_connections()  # what broke is not asked again
    try:
        with transaction.atomic():
            # waits for the transaction that broke off, which holds this lock as long as it may still be committed
            Ticket.objects.select_for_update().filter(pk=ticket).first()
            return Attachment.objects.filter(ticket=ticket, file=name).exists()
    except Error as error:
        log.warning("a file stays though its row may not: %s: %s", name, error)
        return True


class OneAttachment(APIView):
    query_class = HowSent

    @property
    def answer_class(self) -> Any:
        return None if self.request.method == "DELETE" else {(200, "application/octet-stream"): bytes}

    def get(self, request: Request, pk: int, attachment: int) -> HttpResponse:
        kept = _attachment(visible(request), pk, attachment)
        asked = HowSent(data=request.query_params)
        asked.is_valid(raise_exception=True)
        # nginx sends the file, and says that nothing in it may run; whoever asks for its place directly gets 404. Only
        # pictures are shown in the page: anything else may be HTML.
        inline = asked.validated_data["inline"] and kept.image
        return HttpResponse(
            content_type=kept.content_type if inline else "application/octet-stream",
            headers={
                "X-Accel-Redirect": f"/_media/{kept.file.name}",
                "Content-Disposition": content_disposition_header(not inline, kept.name) or "attachment",
                "Cache-Control": "private, no-store",
            },
        )

    @transaction.atomic
    def delete(self, request: Request, pk: int, attachment: int) -> Response:
        """By staff, who make room, or take away what should not have been sent. Its name stays in the history."""
        kept = _attachment(visible(request).select_for_update(), pk, attachment)
        if not request.user.is_staff:
            raise PermissionDenied("only staff delete a file")
        name = kept.file.name
        told = {"id": kept.pk, "name": kept.name}
        kept.delete()
        emit("ticket.detached", request.user, **facts(kept.ticket), attachment=told)
        # only once nothing can bring its row back
        transaction.on_commit(lambda: default_storage.delete(name), robust=True)
        return Response(status=204)


def _attachment(tickets: QuerySet[Ticket], pk: int, attachment: int) -> Attachment:
    ticket = get_object_or_404(tickets, pk=pk)
    kept = next((one for one in ticket.attachments.all() if one.pk == attachment), None)
    if kept is None:
        raise Http404
    return kept


def shown_name(given: str) -> str:
    """A name for people: no folders, no characters that steer a terminal or turn text around."""
    base = given.replace("\\", "/").rpartition("/")[2]
    printable = "".join(char for char in base if unicodedata.category(char)[0] != "C").strip(" .")
    return printable[-Attachment._meta.get_field("name").max_length :] or "file"

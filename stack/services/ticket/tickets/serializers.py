from __future__ import annotations

from datetime import datetime

from common.shown import PersonSerializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from tickets import found
from tickets.models import Attachment, Priority, Status, Ticket


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    image = serializers.BooleanField(read_only=True, help_text="With `inline` it is sent to be shown in a page.")

    class Meta:
        model = Attachment
        fields = ("id", "name", "size", "image", "created_at")


class HowSent(serializers.Serializer[None]):
    inline = serializers.BooleanField(default=False, help_text="To be shown in a page, if it is an image.")


class UploadSerializer(serializers.Serializer[None]):
    file = serializers.FileField()


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    owner = PersonSerializer(read_only=True)
    assignee = PersonSerializer(read_only=True, allow_null=True)
    attachments = AttachmentSerializer(many=True, read_only=True)
    due_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Staff alone set it.")
    overdue = serializers.BooleanField(read_only=True)

    class Meta:
        model = Ticket
        fields = (
            "id",
            "title",
            "description",
            "priority",
            "status",
            "owner",
            "assignee",
            "attachments",
            "due_at",
            "overdue",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("status",)

    def validate_due_at(self, due_at: datetime | None) -> datetime | None:
        if not self.context["request"].user.is_staff:
            raise PermissionDenied("only staff say when a ticket is due")
        return due_at


class ListedTicketSerializer(TicketSerializer):
    """Of a description the beginning: a page of whole ones would be half a megabyte."""

    excerpt = serializers.CharField(read_only=True)

    class Meta(TicketSerializer.Meta):
        fields = tuple("excerpt" if name == "description" else name for name in TicketSerializer.Meta.fields)


class Filters(serializers.Serializer[None]):
    """What a list can be asked for; anything else of these names is a 400, never a surprise."""

    status = serializers.ChoiceField(Status.choices, required=False)
    priority = serializers.ChoiceField(Priority.choices, required=False)
    assignee = serializers.RegexField(
        found.ASSIGNEE, required=False, help_text=f"Somebody's number, `{found.ME}` or `{found.NOBODY}`."
    )
    overdue = serializers.BooleanField(required=False, default=False)
    search = serializers.CharField(max_length=200, required=False)
    mine = serializers.BooleanField(required=False, default=False)
    order = serializers.ChoiceField(
        ("created_at", "-created_at", "updated_at", "-updated_at", "due_at"), default="-created_at"
    )

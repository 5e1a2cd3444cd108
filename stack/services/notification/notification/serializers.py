from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notification.models import Notification


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    ticket = serializers.IntegerField(source="ticket_id", allow_null=True, read_only=True)

    class Meta:
        model = Notification
        fields = ("id", "kind", "text", "ticket", "created_at", "read_at")


class Filters(serializers.Serializer[Any]):
    unread = serializers.BooleanField(required=False, default=False)

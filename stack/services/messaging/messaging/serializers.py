from __future__ import annotations

from typing import Any

from common.shown import PersonSerializer
from rest_framework import serializers

from messaging.models import Comment

LARGEST_ID = 2**63 - 1


class CommentSerializer(serializers.ModelSerializer[Comment]):
    ticket = serializers.IntegerField(read_only=True)
    author = PersonSerializer(read_only=True)
    body = serializers.CharField(max_length=10_000)
    internal = serializers.BooleanField(default=False, help_text="Only staff write and read these.")
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)

    class Meta:
        model = Comment
        fields = ("id", "ticket", "author", "body", "internal", "created_at", "client_id")


class After(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, default=0)

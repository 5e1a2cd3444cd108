from __future__ import annotations

from typing import Any

from common.shown import PersonSerializer
from rest_framework import serializers

from messaging.models import Comment

LARGEST_ID = 2**63 - 1
MOST_FILES = 10


class FileSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    image = serializers.BooleanField()


class CommentSerializer(serializers.ModelSerializer[Comment]):
    ticket = serializers.IntegerField(read_only=True)
    author = PersonSerializer(read_only=True)
    internal = serializers.BooleanField(help_text="Only staff write and read these.")
    attachments = FileSerializer(many=True, source="files")

    class Meta:
        model = Comment
        fields = ("id", "ticket", "author", "body", "internal", "attachments", "created_at", "client_id")


class Saying(serializers.Serializer[Any]):
    """What somebody sends."""

    body = serializers.CharField(max_length=10_000, allow_blank=True, help_text="May be empty where there are files.")
    internal = serializers.BooleanField(default=False, help_text="For staff only; without files, which all would see.")
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    attachments = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        max_length=MOST_FILES,
        default=list,
        help_text="Files of the ticket, sent to ticket-service before.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["body"] and not attrs["attachments"]:
            raise serializers.ValidationError({"body": ["say something, or attach a file"]})
        if attrs["internal"] and attrs["attachments"]:
            raise serializers.ValidationError(
                {"attachments": ["a note has none: all who see the ticket see its files"]}
            )
        return attrs


class After(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=LARGEST_ID, default=0)

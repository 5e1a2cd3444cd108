"""People in answers: what is shown of somebody depends on who reads."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.people import shown


class PersonSerializer(serializers.Serializer[Any]):
    """Needs `request`, or `reader` where there is none, in its context."""

    id = serializers.IntegerField()
    email = serializers.CharField(allow_blank=True, help_text="Empty for customers, but of themselves.")
    name = serializers.CharField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        reader = self.context.get("reader") or self.context["request"].user
        return shown(instance, reader)

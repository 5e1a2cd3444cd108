from __future__ import annotations

from typing import Any

from rest_framework import serializers

from workflow import flows
from workflow.models import Flow, Move, Step, Transition


class StepSerializer(serializers.ModelSerializer[Step]):
    class Meta:
        model = Step
        fields = ("key", "name", "final")


class MoveRequest(serializers.Serializer[None]):
    transition = serializers.CharField(max_length=16)
    version = serializers.IntegerField(required=False, min_value=1)


class AssigneeRequest(serializers.Serializer[None]):
    id = serializers.IntegerField(allow_null=True, min_value=1)


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.EmailField()


class TransitionSerializer(serializers.ModelSerializer[Transition]):
    to = serializers.CharField(source="target_id")

    class Meta:
        model = Transition
        fields = ("key", "name", "to")


class MoveSerializer(serializers.ModelSerializer[Move]):
    by = PersonSerializer()
    to = serializers.CharField(source="target_id")

    class Meta:
        model = Move
        fields = ("at", "by", "transition", "to")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # No attribute of a class can be called `from`.
        return {**super().get_fields(), "from": serializers.CharField(source="source_id")}


class FlowSerializer(serializers.ModelSerializer[Flow]):
    """As one person sees it: with the transitions that they may take."""

    step = StepSerializer()
    assignee = PersonSerializer(allow_null=True)
    transitions = serializers.SerializerMethodField()
    history = MoveSerializer(many=True)

    class Meta:
        model = Flow
        fields = ("ticket", "step", "assignee", "version", "transitions", "history")

    def get_transitions(self, flow: Flow) -> list[dict[str, str]]:
        person = self.context["request"].user
        return [dict(TransitionSerializer(one).data) for one in flows.possible(flow, person)]

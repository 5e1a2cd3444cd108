from __future__ import annotations

from typing import Any

from common.people import shown
from common.shown import PersonSerializer
from rest_framework import serializers

from workflow import flows
from workflow.models import Entry, Flow, Move, Step, Transition


class StepSerializer(serializers.ModelSerializer[Step]):
    class Meta:
        model = Step
        fields = ("key", "name", "final")


# Of a text in the history.
_EXCERPT = 200


class MoveRequest(serializers.Serializer[None]):
    transition = serializers.CharField(max_length=16)
    version = serializers.IntegerField(required=False, min_value=1)


class AssigneeRequest(serializers.Serializer[None]):
    id = serializers.IntegerField(allow_null=True, min_value=1)
    version = serializers.IntegerField(required=False, min_value=1)


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


class EntrySerializer(serializers.ModelSerializer[Entry]):
    by = PersonSerializer()
    data = serializers.SerializerMethodField()

    class Meta:
        model = Entry
        fields = ("at", "by", "kind", "data")

    def get_data(self, entry: Entry) -> dict[str, Any]:
        """Long texts as their beginning: a page asks for this every few seconds."""
        if entry.kind == "assigned":
            reader = self.context["request"].user
            return {name: person and shown(person, reader) for name, person in entry.data.items()}
        return {name: _shortened(value) for name, value in entry.data.items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    return value[:_EXCERPT] if isinstance(value, str) else value


class FlowSerializer(serializers.ModelSerializer[Flow]):
    """As one person sees it: with the transitions that they may take."""

    step = StepSerializer()
    assignee = PersonSerializer(allow_null=True)
    transitions = serializers.SerializerMethodField()
    history = MoveSerializer(many=True, source="moves")
    entries = EntrySerializer(many=True)

    class Meta:
        model = Flow
        fields = ("ticket", "step", "assignee", "version", "transitions", "history", "entries")

    def get_transitions(self, flow: Flow) -> list[dict[str, str]]:
        person = self.context["request"].user
        return [dict(TransitionSerializer(one).data) for one in flows.possible(flow, person)]

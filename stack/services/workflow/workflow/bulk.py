"""The same for many tickets. Each is a change of its own, which may succeed where another fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.authentication import Unavailable
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from workflow import flows
from workflow.models import Flow, Step, Transition
from workflow.views import colleague, visible

# A page of the list.
MOST = 100


class BulkRequest(serializers.Serializer[Any]):
    """One of `assignee` and `to`."""

    tickets = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST
    )
    assignee = serializers.IntegerField(required=False, allow_null=True, min_value=1, help_text="Of staff, or null.")
    to = serializers.CharField(required=False, max_length=16, help_text="The step to take them to.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("assignee" in attrs) == ("to" in attrs):
            raise serializers.ValidationError("say either assignee or to")
        if "to" in attrs and not Step.objects.filter(pk=attrs["to"]).exists():
            raise serializers.ValidationError({"to": ["there is no such step"]})
        return attrs


class Outcome(serializers.Serializer[Any]):
    ticket = serializers.IntegerField()
    done = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True, help_text="Why not.")


class BulkAnswer(serializers.Serializer[Any]):
    results = Outcome(many=True)


class Bulk(APIView):
    """For staff."""

    serializer_class = BulkRequest
    answer_class = BulkAnswer

    def post(self, request: Request) -> Response:
        if not request.user.is_staff:
            raise PermissionDenied
        asked = BulkRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        change = _assigning(request, wanted["assignee"]) if "assignee" in wanted else _moving(request, wanted["to"])
        return Response({"results": [_tried(change, ticket) for ticket in dict.fromkeys(wanted["tickets"])]})


def _assigning(request: Request, person: int | None) -> Callable[[int], Any]:
    chosen = colleague(person, request.auth)

    def assign(ticket: int) -> Flow:
        visible(request, ticket)
        return flows.assign(ticket, request.user, chosen, None)

    return assign


def _moving(request: Request, step: str) -> Callable[[int], Any]:
    def move(ticket: int) -> Flow:
        """Whichever way leads there from where it stands; nothing to do where it stands there already."""
        flow = visible(request, ticket)
        if flow.step_id == step:
            return flow
        way = Transition.objects.filter(source=flow.step_id, target=step).order_by("key").first()
        if way is None:
            raise flows.Conflict(f"no way leads there from {flow.step.name}")
        # should it move on meanwhile, the version tells
        return flows.move(ticket, request.user, way.key, flow.version)

    return move


def _tried(change: Callable[[int], Any], ticket: int) -> dict[str, Any]:
    try:
        change(ticket)
    except Unavailable:
        raise  # nor will the others; what was done is done, and may be asked for again
    except Http404:
        return {"ticket": ticket, "done": False, "detail": "there is no such ticket"}
    except APIException as error:
        return {"ticket": ticket, "done": False, "detail": str(error.detail)}
    return {"ticket": ticket, "done": True, "detail": ""}

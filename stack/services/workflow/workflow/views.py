from __future__ import annotations

from typing import Any

from common import remote
from common.people import name_of, somebody
from common.tickets import visible_ticket
from django.conf import settings
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from workflow import flows
from workflow.models import Flow, Step
from workflow.serializers import AssigneeRequest, FlowSerializer, MoveRequest, StepSerializer


def visible(request: Request, ticket: int) -> Flow:
    """To anybody but its owner and staff there is none.

    One that is not known may be older than this service, or its event is still under way: ticket-service is asked."""
    flow = Flow.objects.filter(pk=ticket).select_related("step").first()
    if flow is None:
        flow = flows.started(visible_ticket(ticket, request.auth), timezone.now())
    if flow.ended or not (request.user.is_staff or flow.owner_id == request.user.id):
        raise Http404
    return flow


class Steps(APIView):
    serializer_class = StepSerializer(many=True)

    def get(self, request: Request) -> Response:
        return Response(StepSerializer(Step.objects.order_by("place"), many=True).data)


class OneFlow(APIView):
    answer_class = FlowSerializer

    def get(self, request: Request, ticket: int) -> Response:
        return Response(FlowSerializer(visible(request, ticket), context={"request": request}).data)


class Moves(APIView):
    serializer_class = MoveRequest
    answer_class = FlowSerializer

    def post(self, request: Request, ticket: int) -> Response:
        visible(request, ticket)
        asked = MoveRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        flow = flows.move(ticket, request.user, wanted["transition"], wanted.get("version"))
        return Response(FlowSerializer(flow, context={"request": request}).data)


class Assignee(APIView):
    serializer_class = AssigneeRequest
    answer_class = FlowSerializer

    def put(self, request: Request, ticket: int) -> Response:
        visible(request, ticket)
        if not request.user.is_staff:
            raise PermissionDenied
        asked = AssigneeRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen = colleague(asked.validated_data["id"], request.auth)
        flow = flows.assign(ticket, request.user, chosen, asked.validated_data.get("version"))
        return Response(FlowSerializer(flow, context={"request": request}).data)


def colleague(person: int | None, token: str) -> dict[str, Any] | None:
    if person is None:
        return None
    for one in remote.get(f"{settings.AUTH_SERVICE_URL}/api/auth/staff/", token):
        if one["id"] == person:
            return somebody(one["id"], one["email"], name_of(one))
    raise ValidationError({"id": ["a ticket can be assigned to staff only"]})

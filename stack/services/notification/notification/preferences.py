"""What somebody wants to be told of, in the app and by mail: a switch each for every kind, on until it is set."""

from __future__ import annotations

from typing import Any, NamedTuple

from common.tokens import Person
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notification.models import Preference

NEW_TICKET, UNASSIGNED, NOTED = "ticket.new", "comment.unassigned", "comment.noted"
FOR_ALL = ("ticket.created", "workflow.moved", "workflow.assigned", "comment.created")
# Of what customers do, and of what staff say among themselves.
FOR_STAFF = (NEW_TICKET, UNASSIGNED, NOTED)


class Wanted(NamedTuple):
    app: bool
    mail: bool


def wanted(person: int, kind: str) -> Wanted:
    switch = Preference.objects.filter(person_id=person, kind=kind).first()
    return Wanted(True, True) if switch is None else Wanted(switch.app, switch.mail)


def kinds_of(person: Person) -> tuple[str, ...]:
    return (*FOR_STAFF, *FOR_ALL) if person.is_staff else FOR_ALL


class Switch(serializers.Serializer[Any]):
    kind = serializers.ChoiceField((*FOR_STAFF, *FOR_ALL))
    app = serializers.BooleanField()
    mail = serializers.BooleanField()


class AllSwitches(serializers.Serializer[Any]):
    switches = Switch(many=True)


class Preferences(APIView):
    """One's own."""

    serializer_class = Switch
    answer_class = AllSwitches

    def get(self, request: Request) -> Response:
        return Response({"switches": _switches(request.user)})

    def put(self, request: Request) -> Response:
        """Sets one; the answer is all."""
        given = Switch(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        if said["kind"] not in kinds_of(request.user):
            raise serializers.ValidationError({"kind": ["only staff are told of this"]})
        set_to = {"app": said["app"], "mail": said["mail"]}
        Preference.objects.update_or_create(person_id=request.user.id, kind=said["kind"], defaults=set_to)
        return Response({"switches": _switches(request.user)})


def _switches(person: Person) -> list[dict[str, Any]]:
    kept = {switch.kind: switch for switch in Preference.objects.filter(person_id=person.id)}
    on = Preference(app=True, mail=True)
    switches = [(kind, kept.get(kind, on)) for kind in kinds_of(person)]
    return [{"kind": kind, "app": switch.app, "mail": switch.mail} for kind, switch in switches]

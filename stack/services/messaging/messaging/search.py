"""Which tickets were talked about in these words. Only numbers leave: ticket-service, which asks, says what of them
somebody may see."""

from __future__ import annotations

from typing import Any

from common.people import Reader
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging.models import Comment

# Shorter ones are in every comment, and in no index.
SHORTEST, LONGEST = 3, 200
# The newest comments that are looked at, and so the most tickets that are found.
NEWEST = 500


class Words(serializers.Serializer[Any]):
    text = serializers.CharField(min_length=SHORTEST, max_length=LONGEST)


class Found(serializers.Serializer[Any]):
    tickets = serializers.ListField(child=serializers.IntegerField())


class Search(APIView):
    """Staff search in everything, customers in what they may read of their own tickets."""

    query_class = Words
    answer_class = Found

    def get(self, request: Request) -> Response:
        asked = Words(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response({"tickets": tickets_with(asked.validated_data["text"], request.user)})


def tickets_with(text: str, reader: Reader) -> list[int]:
    """Each once, the one that was talked about last first."""
    said = Comment.objects.filter(body__icontains=text)
    if not reader.is_staff:
        said = said.filter(owner_id=reader.id, ticket_id__gt=0)
    newest = said.order_by("-pk").values_list("ticket_id", flat=True)[:NEWEST]
    return list(dict.fromkeys(abs(ticket) for ticket in newest))


def learn_owner(ticket: dict[str, Any]) -> None:
    """Of comments from before it was kept with them."""
    places = (ticket["id"], -ticket["id"])
    Comment.objects.filter(ticket_id__in=places, owner_id=None).update(owner_id=ticket["owner"]["id"])

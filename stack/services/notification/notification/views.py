from __future__ import annotations

from typing import Any

from common.pages import Pages
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notification.models import Notification
from notification.serializers import Filters, NotificationSerializer


def mine(request: Request) -> QuerySet[Notification]:
    return Notification.objects.filter(person_id=request.user.id)


def read(notifications: QuerySet[Notification]) -> None:
    notifications.filter(read_at=None).update(read_at=timezone.now())


class WithUnread(Pages):
    """A page, and how many are unread in all."""

    def get_paginated_response(self, data: Any) -> Response:
        answer = super().get_paginated_response(data)
        answer.data["unread"] = mine(self.request).filter(read_at=None).count()
        return answer

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        page["properties"]["unread"] = {"type": "integer"}
        page["required"] = [*page.get("required", []), "unread"]
        return page


class Notifications(ListAPIView[Notification]):
    queryset = Notification.objects.order_by("-pk")
    serializer_class = NotificationSerializer
    query_class = Filters
    pagination_class = WithUnread

    def filter_queryset(self, queryset: QuerySet[Notification]) -> QuerySet[Notification]:
        asked = Filters(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        found = queryset.filter(person_id=self.request.user.id)
        return found.filter(read_at=None) if asked.validated_data["unread"] else found


class ReadOne(APIView):
    answer_class = None

    def post(self, request: Request, pk: int) -> Response:
        one = mine(request).filter(pk=pk)
        if not one.exists():
            raise Http404
        read(one)
        return Response(status=204)


class ReadAll(APIView):
    answer_class = None

    def post(self, request: Request) -> Response:
        read(mine(request))
        return Response(status=204)

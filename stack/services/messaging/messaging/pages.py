from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging.models import Comment
from messaging.serializers import After

PAGE = 100


class Newer(BasePagination):
    """What came after the last comment that one knows. Unlike numbered pages, these do not shift while people talk."""

    def paginate_queryset(self, queryset: QuerySet[Comment], request: Request, view: APIView | None = None) -> Any:
        asked = After(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = list(newer(queryset, asked.validated_data["after"], PAGE + 1))
        self._more = len(found) > PAGE
        return found[:PAGE]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "more": self._more})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "more"],
            "properties": {"results": schema, "more": {"type": "boolean"}},
        }


def newer(comments: QuerySet[Comment], after: int, limit: int = PAGE) -> QuerySet[Comment]:
    return comments.filter(pk__gt=after).order_by("pk")[:limit]

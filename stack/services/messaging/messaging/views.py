from __future__ import annotations

from typing import Any

from common.tickets import visible_ticket
from django.db.models import QuerySet
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from messaging import comments
from messaging.models import Comment, for_reader
from messaging.pages import Newer
from messaging.search import learn_owner
from messaging.serializers import After, CommentSerializer, Saying


class Comments(ListCreateAPIView[Comment]):
    """Whoever sees the ticket may read and write; internal notes, staff alone."""

    queryset = Comment.objects.all()
    serializer_class = Saying
    answer_class = CommentSerializer
    query_class = After
    pagination_class = Newer

    def get_serializer_class(self) -> type[CommentSerializer]:
        return CommentSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._ticket = visible_ticket(kwargs["ticket"], request.auth)

    def filter_queryset(self, queryset: QuerySet[Comment]) -> QuerySet[Comment]:
        return for_reader(self._ticket["id"], self.request.user)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        learn_owner(self._ticket)
        return super().list(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = Saying(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        if said["internal"] and not request.user.is_staff:
            raise PermissionDenied("only staff write internal notes")
        comment, new = comments.post(self._ticket, request.user, **said)
        return Response(self.get_serializer(comment).data, status=201 if new else 200)

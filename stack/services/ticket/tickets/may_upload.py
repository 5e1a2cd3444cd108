"""nginx asks here whether a file may come before it takes the file in; the upload itself is asked the same again."""

from __future__ import annotations

import json

from common.authentication import AccessToken, identify
from common.tokens import Person
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.uploads import refuse_too_much
from tickets.views import refuse_closed, visible


class AsUploaded(AccessToken):
    """nginx asks by GET for somebody who sends."""

    def authenticate(self, request: Request) -> tuple[Person, str] | None:
        return identify(request.headers, unsafe=True)


class MayUpload(APIView):
    """For nginx' `auth_request`: 204, or 403 with what the visitor is to be told in headers, as it knows no more."""

    authentication_classes = (AsUploaded,)
    schema = None  # no visitor's

    def get(self, request: Request, pk: int) -> Response:
        if request.headers.get("X-Upload-Method", "POST") == "POST":
            refuse_closed(request, get_object_or_404(visible(request), pk=pk))
            length = request.headers.get("X-Upload-Bytes", "")
            refuse_too_much(request.user, int(length) if length.isdecimal() else 0)
        return Response(status=204)

    def handle_exception(self, exc: Exception) -> Response:
        refused = super().handle_exception(exc)
        headers = {"X-Refusal": str(refused.status_code), "X-Refusal-Said": json.dumps(refused.data)}
        if "WWW-Authenticate" in refused.headers:
            headers["X-Refusal-Challenge"] = refused.headers["WWW-Authenticate"]
        return Response(status=403, headers=headers)

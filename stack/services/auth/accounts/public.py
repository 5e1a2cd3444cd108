from __future__ import annotations

from typing import Any

from common.authentication import by_a_page
from django.conf import settings
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import cookies, tokens
from accounts.models import User
from accounts.serializers import UserSerializer


def asked(view: APIView, request: Request) -> dict[str, Any]:
    """What came, as the view's `serializer_class` takes it; anything else is a 400."""
    given: BaseSerializer[Any] = view.serializer_class(data=request.data)  # type: ignore[attr-defined]
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class PublicView(APIView):
    """Nobody is looked up: a token that has expired must not keep its owner from logging in."""

    authentication_classes = ()
    permission_classes = ()
    serializer_class: Any

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"  # without it, DRF makes 403 of 401


def not_valid() -> ValidationError:
    return ValidationError({"token": ["the link is not valid, or no longer: ask for a new one"]})


def logged_in(request: Request, user: User, refresh: str) -> Response:
    """A browser's page gets the token where its scripts cannot read it; it cannot pretend to be a program."""
    access = tokens.issue(user)
    said = {"expires_in": settings.JWT_LIFETIME_S, "user": UserSerializer(user).data}
    if not by_a_page(request.headers):
        said["access"] = access
    response = Response(said, headers={"Cache-Control": "no-store"})
    cookies.put(response, access, refresh)
    return response

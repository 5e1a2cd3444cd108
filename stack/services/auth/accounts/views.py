from __future__ import annotations

from typing import Any

from common.authentication import refuse_foreign
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import transaction
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import cookies, sessions, tokens, verification
from accounts.attempts import PASSWORDS, VERIFICATION_MAILS
from accounts.models import User, normalised
from accounts.serializers import (
    KeysSerializer,
    LoggedInSerializer,
    LoginSerializer,
    RegisterSerializer,
    StaffSerializer,
    UserSerializer,
    VerifiedSerializer,
    VerifyAgainSerializer,
    VerifySerializer,
)


class NotVerified(PermissionDenied):
    default_detail = "follow the link in the mail that we sent you first"
    default_code = "not_verified"


class PublicView(APIView):
    """Nobody is looked up: a token that has expired must not keep its owner from logging in."""

    authentication_classes = ()
    permission_classes = ()
    serializer_class: Any

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"  # without it, DRF makes 403 of 401

    def asked(self, request: Request) -> BaseSerializer[Any]:
        """What came, as `serializer_class` takes it; anything else is a 400."""
        given: BaseSerializer[Any] = self.serializer_class(data=request.data)
        given.is_valid(raise_exception=True)
        return given


class Register(PublicView):
    serializer_class = RegisterSerializer
    answer_class = UserSerializer

    def post(self, request: Request) -> Response:
        asked = self.asked(request)
        return Response(UserSerializer(asked.save()).data, status=201)


class Verify(PublicView):
    serializer_class = VerifySerializer
    answer_class = VerifiedSerializer

    def post(self, request: Request) -> Response:
        asked = self.asked(request)
        try:
            verification.confirm(asked.validated_data["token"])
        except verification.InvalidLink:
            raise ValidationError({"token": ["the link is not valid, or no longer: ask for a new one"]}) from None
        return Response({"verified": True})


class VerifyAgain(PublicView):
    """Always 202: it tells nobody who has an account here."""

    serializer_class = VerifyAgainSerializer
    answer_class = None

    def post(self, request: Request) -> Response:
        asked = self.asked(request)
        email = normalised(asked.validated_data["email"])
        try:
            VERIFICATION_MAILS.take(email)
        except Throttled:
            return Response(status=202)
        with transaction.atomic():
            user = User.objects.filter(email=email, is_active=True, verified=False).first()
            if user is not None:
                verification.ask(user)
        return Response(status=202)


class Login(PublicView):
    serializer_class = LoginSerializer
    answer_class = LoggedInSerializer

    def post(self, request: Request) -> Response:
        asked = self.asked(request)
        email = asked.validated_data["email"]
        PASSWORDS.take(email)
        user = authenticate(request, **asked.validated_data)
        if user is None:
            raise AuthenticationFailed("no account with this address and password")
        PASSWORDS.forgive(email)
        if settings.EMAIL_HOST and not user.verified and not user.is_superuser:
            raise NotVerified({"detail": NotVerified.default_detail, "code": NotVerified.default_code})
        update_last_login(None, user)
        return logged_in(user, sessions.begin(user))


class Refresh(PublicView):
    serializer_class = None
    answer_class = LoggedInSerializer

    def post(self, request: Request) -> Response:
        refuse_foreign(request.headers)
        found = sessions.exchange(request.COOKIES.get(cookies.REFRESH_COOKIE, ""))
        if found is None:
            raise AuthenticationFailed("log in again")
        return logged_in(*found)


class Logout(PublicView):
    serializer_class = answer_class = None

    def post(self, request: Request) -> Response:
        refuse_foreign(request.headers)
        sessions.end(request.COOKIES.get(cookies.REFRESH_COOKIE, ""))
        response = Response(status=204)
        cookies.take_away(response)
        return response


class Me(APIView):
    serializer_class = UserSerializer

    def get(self, request: Request) -> Response:
        return Response(UserSerializer(request.user).data)


class Staff(ListAPIView[User]):
    """Whom a ticket can be assigned to."""

    permission_classes = (IsAdminUser,)
    serializer_class = StaffSerializer
    pagination_class = None
    queryset = User.objects.filter(is_staff=True, is_active=True).order_by("email")


class Keys(PublicView):
    """The public key, as a JSON web key set, for the services that check tokens."""

    serializer_class = KeysSerializer

    def get(self, request: Request) -> Response:
        return Response({"keys": [tokens.public_key()]})


def logged_in(user: User, refresh: str) -> Response:
    access = tokens.issue(user)
    said = {"access": access, "expires_in": settings.JWT_LIFETIME_S, "user": UserSerializer(user).data}
    response = Response(said, headers={"Cache-Control": "no-store"})
    cookies.put(response, access, refresh)
    return response

"""A password that was forgotten, another password, another address."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password as is_password
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clients, lifecycle, mails, sessions
from accounts.attempts import PASSWORDS
from accounts.links import InvalidLink
from accounts.models import User
from accounts.public import PublicView, asked, logged_in, not_valid
from accounts.serializers import (
    AddressSerializer,
    LoggedInSerializer,
    NewAddressSerializer,
    NewPasswordSerializer,
    ResetSerializer,
    TokenSerializer,
    WhoseSerializer,
    check_password,
)


class AskForReset(PublicView):
    """202 for known and unknown addresses alike; 409 where there is no mail."""

    serializer_class = AddressSerializer
    answer_class = None

    def post(self, request: Request) -> Response:
        email = asked(self, request)["email"]
        if not mails.configured():
            raise mails.NoMail
        lifecycle.ask_for_reset(email, clients.address_of(request))
        return Response(status=202)


class Reset(PublicView):
    serializer_class = ResetSerializer
    answer_class = WhoseSerializer

    def post(self, request: Request) -> Response:
        given = asked(self, request)
        try:
            check_password(given["password"], lifecycle.of_reset(given["token"]))
            user = lifecycle.reset(**given)
        except InvalidLink:
            raise not_valid() from None
        # of who tried what they remembered, and may now log in from where they tried
        PASSWORDS.forgive(user.email, clients.client_of(request, user.email))
        response = Response({"email": user.email})
        clients.remember(request, response, user)  # whose mail they read: nobody's guesses keep them out
        return response


class Password(APIView):
    """Other devices are logged out; this one goes on with what the answer brings."""

    serializer_class = NewPasswordSerializer
    answer_class = LoggedInSerializer

    def post(self, request: Request) -> Response:
        given = asked(self, request)
        user: User = request.user
        confirm_it_is(request, user, given["current"], "current")
        check_password(given["password"], user)
        now = lifecycle.change_own_password(user, given["password"])
        if now is None:
            raise not_yours("current")
        return logged_in(request, now, sessions.begin(now))


class AskForAddress(APIView):
    serializer_class = NewAddressSerializer
    answer_class = None

    def post(self, request: Request) -> Response:
        given = asked(self, request)
        user: User = request.user
        if not mails.configured():
            raise mails.NoMail
        confirm_it_is(request, user, given["password"], "password")
        lifecycle.ask_for_address(user, given["email"], clients.address_of(request))
        return Response(status=202)


class Move(PublicView):
    serializer_class = TokenSerializer
    answer_class = WhoseSerializer

    def post(self, request: Request) -> Response:
        try:
            user = lifecycle.move(asked(self, request)["token"])
        except InvalidLink:
            raise not_valid() from None
        return Response({"email": user.email})


def confirm_it_is(request: Request, user: User, password: str, field: str) -> None:
    """Whoever finds somebody's screen open has no password; they may guess as often as at the log-in."""
    client = clients.client_of(request, user.email)
    PASSWORDS.take(user.email, client)
    if not is_password(password, user.password):
        raise not_yours(field)
    PASSWORDS.forgive(user.email, client)


def not_yours(field: str) -> ValidationError:
    return ValidationError({field: ["this is not your password"]})

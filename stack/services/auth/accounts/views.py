from __future__ import annotations

from typing import Any

from common.authentication import refuse_foreign
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clients, cookies, lifecycle, mails, sessions, tokens
from accounts.attempts import PASSWORDS
from accounts.links import InvalidLink
from accounts.models import User
from accounts.public import PublicView, asked, logged_in, not_valid
from accounts.serializers import (
    AddressSerializer,
    KeysSerializer,
    LoggedInSerializer,
    LoginSerializer,
    RegisteredSerializer,
    StaffSerializer,
    UserSerializer,
    VerifiedSerializer,
    VerifySerializer,
    check_password,
)


class NotVerified(PermissionDenied):
    default_detail = "follow the link in the mail that we sent you first"
    default_code = "not_verified"


class Register(PublicView):
    """202 for known and unknown addresses alike, where there is mail to tell the difference."""

    serializer_class = AddressSerializer
    answer_class: Any = {202: RegisteredSerializer}  # noqa: RUF012

    def post(self, request: Request) -> Response:
        email, token = asked(self, request)["email"], None
        if mails.configured():
            lifecycle.invite(email, clients.address_of(request))
        else:
            token = lifecycle.token_without_mail(email)
            if token is None:
                raise ValidationError({"email": ["there is an account with this address"]})
        return Response({"email": email, "token": token}, status=202)


class Verify(PublicView):
    """Makes the account, with the password that whoever has the link chooses now."""

    serializer_class = VerifySerializer
    answer_class = VerifiedSerializer

    def post(self, request: Request) -> Response:
        given = asked(self, request)
        try:
            about = lifecycle.invited(given["token"])
            about.first_name, about.last_name = given["first_name"], given["last_name"]
            check_password(given["password"], about)
            user = lifecycle.sign_up(**given)
        except InvalidLink:
            raise not_valid() from None
        return Response({"verified": True, "email": user.email})


class VerifyAgain(PublicView):
    serializer_class = AddressSerializer
    answer_class = None

    def post(self, request: Request) -> Response:
        email = asked(self, request)["email"]
        if mails.configured():
            lifecycle.invite(email, clients.address_of(request))
        return Response(status=202)


class Login(PublicView):
    serializer_class = LoginSerializer
    answer_class = LoggedInSerializer

    def post(self, request: Request) -> Response:
        given = asked(self, request)
        client = clients.client_of(request, given["email"])
        PASSWORDS.take(given["email"], client)
        user = authenticate(request, **given)
        if user is None:
            raise AuthenticationFailed("no account with this address and password")
        PASSWORDS.forgive(given["email"], client)
        if mails.configured() and not user.verified and not user.is_superuser:
            raise NotVerified({"detail": NotVerified.default_detail, "code": NotVerified.default_code})
        update_last_login(None, user)
        response = logged_in(request, user, sessions.begin(user))
        clients.remember(request, response, user)
        return response


class Refresh(PublicView):
    serializer_class = None
    answer_class = LoggedInSerializer

    def post(self, request: Request) -> Response:
        refuse_foreign(request.headers)
        found = sessions.exchange(request.COOKIES.get(cookies.REFRESH_COOKIE, ""))
        if found is None:
            raise AuthenticationFailed("log in again")
        return logged_in(request, *found)


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

    def patch(self, request: Request) -> Response:
        """The names; the rest has ways of its own."""
        changed = UserSerializer(request.user, data=request.data, partial=True)
        changed.is_valid(raise_exception=True)
        changed.save()
        return Response(changed.data)


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

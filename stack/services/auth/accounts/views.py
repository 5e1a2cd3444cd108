from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import tokens
from accounts.serializers import LoginSerializer, RegisterSerializer, UserSerializer


class Register(APIView):
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        asked = RegisterSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(UserSerializer(asked.save()).data, status=201)


class Login(APIView):
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        asked = LoginSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = authenticate(request, **asked.validated_data)
        if user is None:
            raise AuthenticationFailed("no account with this address and password")
        return Response({"access": tokens.issue(user), "expires_in": settings.JWT_LIFETIME_S})


class Me(APIView):
    def get(self, request: Request) -> Response:
        return Response(UserSerializer(request.user).data)


class Keys(APIView):
    """The public key, as a JSON web key set, for the services that check tokens."""

    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"keys": [tokens.public_key()]})

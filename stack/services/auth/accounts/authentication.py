from __future__ import annotations

import jwt
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import tokens
from accounts.models import User


class BearerToken(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            user = User.objects.get(pk=tokens.user_id(token.decode("latin-1")), is_active=True)
        except (jwt.InvalidTokenError, User.DoesNotExist):
            raise AuthenticationFailed("the token is not valid") from None
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

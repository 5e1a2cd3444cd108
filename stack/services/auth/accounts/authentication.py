from __future__ import annotations

from common.authentication import AccessToken, identify
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts import tokens
from accounts.models import User


class AccountToken(AccessToken):
    """As in every service, but `request.user` is the account, which may have been locked, or given
    another password, since the token was made."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        found = identify(request.headers, unsafe=request.method not in SAFE_METHODS, verify=tokens.verify)
        if found is None:
            return None
        person, token = found
        user = User.objects.filter(pk=person.id, is_active=True).first()
        if user is None or tokens.ended(token, user):
            raise AuthenticationFailed("the token is not valid")
        return user, token

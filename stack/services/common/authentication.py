from __future__ import annotations

import logging

import jwt
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from common import tokens
from common.tokens import Person

log = logging.getLogger(__name__)


class Unavailable(APIException):
    status_code = 503
    default_detail = "a service that this one needs does not answer; try again in a moment"


class BearerToken(BaseAuthentication):
    """`request.user` is a Person, `request.auth` their token."""

    def authenticate(self, request: Request) -> tuple[Person, str] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        text = token.decode("latin-1")
        try:
            return tokens.verify(text), text
        except (jwt.InvalidTokenError, ValueError):
            raise AuthenticationFailed("the token is not valid") from None
        except tokens.KeyUnavailable as error:
            log.warning("%s", error)
            raise Unavailable from None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

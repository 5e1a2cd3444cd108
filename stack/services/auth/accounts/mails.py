"""Mails about accounts: what is wanted is put down with the change that is the reason for it; notification-worker words
and sends it."""

from __future__ import annotations

from typing import Any

from common.events.outbox import emit
from django.conf import settings
from rest_framework.exceptions import APIException, Throttled

from accounts.attempts import Limit, Of
from accounts.models import User


class NoMail(APIException):
    status_code = 409
    default_detail = "this site sends no mail: ask its administrator"
    default_code = "no_mail"


def configured() -> bool:
    return bool(settings.EMAIL_HOST)


def want(about: str, to: str, *, link: str, **more: Any) -> None:
    """`about`: one of notification/account_mails.py. Inside the transaction that is the reason for it."""
    emit("account.mail_wanted", {"id": None, "email": to}, about=about, to=to, link=link, **more)


def tell(user: User, about: str, **more: Any) -> None:
    """What the owner of an account should know, as somebody else may have done it."""
    if configured() and user.verified:
        want(about, user.email, link="", **more)


def allowed(limits: tuple[Limit, ...], email: str, place: str, asker: str = "") -> bool:
    """Whether one more mail may go there. Nobody is told that it did not; but a place that asked for too many, whoever
    they would go to, is (Throttled). `asker`: the account, where only who has one may ask."""
    for limit in limits:
        if limit.of is Of.PLACE:
            limit.take(email, place)
    try:
        for limit in limits:
            if limit.of is not Of.PLACE:
                limit.take(email, asker or place)
    except Throttled:
        return False
    return True

"""That an address belongs to whoever gave it: a signed link, sent by notification-service."""

from __future__ import annotations

from urllib.parse import urlencode

from common.events.outbox import emit
from django.conf import settings
from django.core import signing
from django.db import transaction

from accounts.models import User, new_verification_key

LIFETIME_S = 3 * 24 * 3600
_SALT = "accounts.verification"


class InvalidLink(Exception):
    """Forged, expired, used, or for an address that is no longer this account's."""


def ask(user: User) -> None:
    """Inside the transaction that is the reason for it."""
    link = f"{settings.FRONTEND_URL}/verify?{urlencode({'token': token(user)})}"
    about = {"id": user.pk, "email": user.email, "first_name": user.first_name}
    emit("account.verification_wanted", user.person(), user=about, link=link)


def token(user: User) -> str:
    # Not with SECRET_KEY, which other services have too.
    said = [user.pk, user.email, user.verification_key]
    return signing.dumps(said, key=settings.JWT_SIGNING_KEY, salt=_SALT, compress=False)


@transaction.atomic
def confirm(link_token: str) -> None:
    try:
        pk, email, key = signing.loads(link_token, key=settings.JWT_SIGNING_KEY, salt=_SALT, max_age=LIFETIME_S)
        user = User.objects.select_for_update().get(pk=pk, email=email)
    except (signing.BadSignature, User.DoesNotExist):
        raise InvalidLink from None
    if user.verified:
        return
    if key != user.verification_key:
        raise InvalidLink
    user.verified, user.verification_key = True, new_verification_key()
    user.save(update_fields=["verified", "verification_key"])

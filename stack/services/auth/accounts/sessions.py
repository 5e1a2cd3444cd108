"""Who stays logged in: a refresh token is good for one exchange, and one that is used again ends its whole family, as
then somebody else has had it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import RefreshToken, SignIn, User

LIFETIME = timedelta(seconds=settings.REFRESH_LIFETIME_S)
# Two tabs that wake up together use the same one.
GRACE = timedelta(seconds=10)


@transaction.atomic
def begin(user: User) -> str:
    _remove_expired(SignIn)
    _remove_expired(RefreshToken)
    return _grow(SignIn(user=user, password_fingerprint=user.get_session_auth_hash()))


@transaction.atomic
def exchange(token: str) -> tuple[User, str] | None:
    """The person and their next token; None for a token that is not, or no longer, good for anything."""
    sign_in = _locked(token)
    if sign_in is None:
        return None
    now = timezone.now()
    # Read under the lock: somebody may have used it while we waited.
    known = sign_in.tokens.filter(digest=_digest(token), expires_at__gte=now).first()
    if known is None:
        return None
    used_again = known.used_at is not None and now - known.used_at > GRACE
    if used_again or not _may_stay(sign_in):
        sign_in.delete()
        return None
    if known.used_at is None:
        known.used_at = now
        known.save(update_fields=["used_at"])
    return sign_in.user, _grow(sign_in)


@transaction.atomic
def end(token: str) -> None:
    sign_in = _locked(token)
    if sign_in is not None:
        sign_in.delete()


def _locked(token: str) -> SignIn | None:
    """The family is locked, not the token: what ends it then sees all of its tokens, also one that is just growing."""
    families = SignIn.objects.select_related("user").select_for_update(of=("self",))
    return families.filter(tokens__digest=_digest(token)).first()


def _may_stay(sign_in: SignIn) -> bool:
    user = sign_in.user
    return user.is_active and constant_time_compare(sign_in.password_fingerprint, user.get_session_auth_hash())


def _grow(sign_in: SignIn) -> str:
    token = secrets.token_urlsafe(32)
    sign_in.expires_at = timezone.now() + LIFETIME
    sign_in.save()
    sign_in.tokens.create(digest=_digest(token), expires_at=sign_in.expires_at)
    return token


def _remove_expired(kind: type[SignIn | RefreshToken]) -> None:
    """Leaves what another process is removing at this moment."""
    expired = kind.objects.select_for_update(skip_locked=True).filter(expires_at__lt=timezone.now())
    kind.objects.filter(pk__in=list(expired.values_list("pk", flat=True))).delete()


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()

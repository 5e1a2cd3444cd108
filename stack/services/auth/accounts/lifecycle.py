"""What becomes of an account: somebody signs up, forgets a password, changes it or moves to another address.

Signing up keeps nothing: the account is made by whoever brings the link back, with the password chosen then. So an
address is never held by somebody who cannot read its mail."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import links, mails
from accounts.attempts import ADDRESS_MAILS, RESET_MAILS, SIGN_UP_MAILS, forget
from accounts.links import ADDRESS, RESET, SIGN_UP, InvalidLink
from accounts.models import User

# Accounts that nobody ever used, of addresses that nobody confirmed: the administrator made them, or an older release.
KEEP_UNVERIFIED = timedelta(days=7)


def invite(email: str, client: str) -> None:
    """The same answer and the same work whether there is an account or not: the mail alone tells."""
    # Counted in a transaction of its own, here and below: many at once see each other.
    if mails.allowed(SIGN_UP_MAILS, email, client):
        _invite(email)


@transaction.atomic
def _invite(email: str) -> None:
    _remove_expired()
    user = User.objects.filter(email=email).first()
    if user is None or (user.is_active and not user.verified):
        mails.want("sign_up", email, link=SIGN_UP.link(email, True))
    else:
        mails.want("has_account", email, link=links.page("reset"))


def token_without_mail(email: str) -> str | None:
    """Where no mail is sent nobody can prove an address: it is theirs who come first. None when it is somebody's."""
    return None if User.objects.filter(email=email).exists() else SIGN_UP.token(email, False)


def invited(token: str) -> User:
    """The account as it would be; not saved."""
    email, proved = SIGN_UP.read(token)
    user = User.objects.filter(email=email).first() or User(email=email)
    if user.pk and (user.verified or not user.is_active or not proved):
        raise InvalidLink
    user.verified = proved
    return user


@transaction.atomic
def sign_up(token: str, password: str, first_name: str, last_name: str) -> User:
    user = invited(token)
    if user.pk:
        # Of whoever could not prove the address. Under its lock: of two who bring the link at once, one is too late.
        User.objects.select_for_update().get(pk=user.pk)
        user = invited(token)
        user.sign_ins.all().delete()
    user.first_name, user.last_name = first_name, last_name
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise InvalidLink from None
    forget(RESET_MAILS, user.email)
    return user


def ask_for_reset(email: str, client: str) -> None:
    if mails.allowed(RESET_MAILS, email, client):
        _send_reset(email)


@transaction.atomic
def _send_reset(email: str) -> None:
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        mails.want("no_account", email, link=links.page("sign-up"))
    else:
        mails.want("reset", email, link=RESET.link(user.pk, links.fingerprint(user)))


def of_reset(token: str, *, lock: bool = False) -> User:
    return _known(*RESET.read(token), lock=lock)


@transaction.atomic
def reset(token: str, password: str) -> User:
    user = of_reset(token, lock=True)
    user.verified = True  # the link came by mail
    _change_password(user, password)
    return user


@transaction.atomic
def change_own_password(user: User, password: str) -> User | None:
    """None when it is not theirs any more: somebody chose another one meanwhile, or locked the account."""
    now = User.objects.select_for_update().filter(pk=user.pk, password=user.password, is_active=True).first()
    if now is not None:
        _change_password(now, password)
    return now


def _change_password(user: User, password: str) -> None:
    """Of an account that is locked. Ends every session and token of before."""
    user.set_password(password)
    user.save(update_fields=["password", "verified"])
    user.sign_ins.all().delete()
    forget(RESET_MAILS, user.email)
    mails.tell(user, "password_changed")


def ask_for_address(user: User, email: str, client: str) -> None:
    if mails.allowed(ADDRESS_MAILS, email, client, asker=str(user.pk)):
        _send_address(user, email)


@transaction.atomic
def _send_address(user: User, email: str) -> None:
    if User.objects.filter(email=email, verified=True).exists():
        mails.want("address_taken", email, link="")
    else:
        # Whoever reads the mail may be somebody else, who has no such account.
        link = ADDRESS.link(user.pk, links.fingerprint(user), email, user.email)
        mails.want("address", email, link=link, old=user.email)


@transaction.atomic
def move(token: str) -> User:
    """To the new address; the old one is told."""
    pk, mark, email, *_ = ADDRESS.read(token)
    user = _known(pk, mark, lock=True)
    holder = User.objects.select_for_update().filter(email=email).exclude(pk=user.pk).first()
    if holder is not None:
        _give_way(holder)
    mails.tell(user, "address_changed", new=email)
    user.email, user.verified = email, True
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "verified"])
    except IntegrityError:
        raise InvalidLink from None
    forget(RESET_MAILS, email)
    return user


def _known(pk: int, mark: str, *, lock: bool) -> User:
    accounts = User.objects.select_for_update() if lock else User.objects
    user = accounts.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(mark, links.fingerprint(user)):
        raise InvalidLink
    return user


def _give_way(holder: User) -> None:
    """Whoever never proved the address loses it; what they wrote elsewhere stays theirs, so the account does too."""
    if holder.verified:
        raise InvalidLink
    holder.email = f"unverified-{holder.pk}@address.invalid"
    holder.save(update_fields=["email"])


def _remove_expired() -> None:
    if mails.configured():
        never_used = User.objects.filter(verified=False, last_login=None, is_staff=False, is_superuser=False)
        never_used.filter(date_joined__lt=timezone.now() - KEEP_UNVERIFIED).delete()

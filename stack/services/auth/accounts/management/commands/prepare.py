"""`manage.py prepare`: what must be true before traffic. Run again, it changes nothing."""

from __future__ import annotations

from typing import Any

from common import env
from django.contrib.auth.hashers import check_password, make_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import AppliedSecret, User, normalised

ADMINISTERS = {"is_superuser": True, "is_staff": True, "is_active": True}


class Command(BaseCommand):
    help = "Migrates the database, collects static files and sees to a superuser."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        call_command("collectstatic", interactive=False, verbosity=1)
        email = normalised(env.required("DJANGO_SUPERUSER_EMAIL"))
        self.stdout.write(f"superuser {email}: {ensure_superuser(email, env.required('DJANGO_SUPERUSER_PASSWORD'))}")


@transaction.atomic
def ensure_superuser(email: str, password: str) -> str:
    """What the environment says becomes so once, and again when it says something else than the last time, or nobody
    is left who can administer the site. In between, what they chose themselves stays: a password, another address."""
    applied = AppliedSecret.objects.select_related("user").filter(email=email).first()
    moved = applied and applied.user  # from the address of the environment, perhaps
    user = moved or User.objects.filter(email=email).first()
    if applied and User.objects.filter(**ADMINISTERS).exists():
        if check_password(password, applied.hashed):
            return "unchanged"
        if user is None or not _administers(user):
            return "left alone: others administer this site, who took its rights away or removed it"
    if user is None:
        user, said = User(email=email), "created"
    else:
        said = "unchanged" if _administers(user) and user.check_password(password) else "updated"
    if said != "unchanged":
        _give(user, password)
    AppliedSecret.objects.update_or_create(
        pk=1, defaults={"email": email, "hashed": make_password(password), "user": user}
    )
    return said


def _administers(user: User) -> bool:
    return all(getattr(user, name) for name in ADMINISTERS)


def _give(user: User, password: str) -> None:
    for name in (*ADMINISTERS, "verified"):
        setattr(user, name, True)
    user.set_password(password)
    user.save()

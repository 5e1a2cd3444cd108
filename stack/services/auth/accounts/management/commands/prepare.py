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
    """Somebody can administer the site; and a password of the environment that is another than the last time becomes
    that account's. What they chose themselves since then, a password or another address, stays."""
    applied = AppliedSecret.objects.select_related("user").first()
    known = [user for user in (applied and applied.user, User.objects.filter(email=email).first()) if user]
    if not User.objects.filter(**ADMINISTERS).exists():
        user, said = (known[0], "updated") if known else (User(email=email), "created")
    elif applied and check_password(password, applied.hashed):
        return "unchanged"
    else:
        able = [user for user in known if all(getattr(user, name) for name in ADMINISTERS)]
        if not able:
            return "left alone: others administer this site, and it is not one of them"
        user, said = able[0], "unchanged" if able[0].check_password(password) else "updated"
    if said != "unchanged":
        _give(user, password)
    AppliedSecret.objects.update_or_create(pk=1, defaults={"hashed": make_password(password), "user": user})
    return said


def _give(user: User, password: str) -> None:
    for name in (*ADMINISTERS, "verified"):
        setattr(user, name, True)
    user.set_password(password)
    user.save()

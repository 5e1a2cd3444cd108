"""`manage.py prepare`: what must be true before traffic. Run again, it changes nothing."""

from __future__ import annotations

from typing import Any

from common import env
from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.models import User, normalised


class Command(BaseCommand):
    help = "Migrates the database, collects static files and makes the superuser agree with the environment."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        call_command("collectstatic", interactive=False, verbosity=1)
        email = normalised(env.required("DJANGO_SUPERUSER_EMAIL"))
        self.stdout.write(f"superuser {email}: {ensure_superuser(email, env.required('DJANGO_SUPERUSER_PASSWORD'))}")


def ensure_superuser(email: str, password: str) -> str:
    user = User.objects.filter(email=email).first()
    if user is None:
        User.objects.create_superuser(email, password)
        return "created"
    rights = (user.is_superuser, user.is_staff, user.is_active, user.verified)
    if all(rights) and user.check_password(password):
        return "unchanged"
    user.is_superuser = user.is_staff = user.is_active = user.verified = True
    user.set_password(password)
    user.save()
    return "updated"

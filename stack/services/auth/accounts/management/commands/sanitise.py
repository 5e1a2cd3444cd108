"""`manage.py sanitise`: of a copy of production, before it serves. Nobody can log in but the superuser whom this copy's
own environment names: that account has its address and its password, whoever had it before."""

from __future__ import annotations

from typing import Any

from common import env, sanitising
from common.events.outbox import emit
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.management.commands.prepare import ensure_superuser
from accounts.models import AppliedSecret, Attempt, SignIn, User, normalised


class Command(BaseCommand):
    help = "Replaces people's names and addresses, and lets nobody log in with what they knew."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = normalised(env.required("DJANGO_SUPERUSER_EMAIL"))
        for kept in (LogEntry, Session, SignIn, Attempt, AppliedSecret):
            kept._default_manager.all().delete()
        sanitising.forget_events()
        people = User.objects.exclude(email=email)
        people.update(email=sanitising.address_of("pk"), last_name=sanitising.text_of("pk"))
        User.objects.update(first_name="Person", password=make_password(None), verification_key="")
        User.objects.filter(email=email).update(last_name="")
        ensure_superuser(email, env.required("DJANGO_SUPERUSER_PASSWORD"))
        # The others have replaced this address, too.
        user = User.objects.get(email=email)
        emit("account.changed", user.person(), account=user.told())
        self.stdout.write(f"{people.count()} accounts without name, address and password")

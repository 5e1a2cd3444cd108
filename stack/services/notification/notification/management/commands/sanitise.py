from __future__ import annotations

from typing import Any

from common import sanitising
from django.core.management.base import BaseCommand
from django.db import transaction

from notification.models import Assignment, Mail, Notification


class Command(BaseCommand):
    help = "Removes all mails from a copy of production, and replaces what people were told."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        sanitising.forget_events()
        mails, _ = Mail.objects.all().delete()
        count = Notification.objects.update(text=sanitising.words_for("text"))
        Assignment.objects.exclude(person_id=None).update(email=sanitising.address_of("person_id"))
        self.stdout.write(f"{mails} mails removed, {count} notifications without their words")

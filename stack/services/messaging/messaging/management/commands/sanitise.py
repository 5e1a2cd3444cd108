from __future__ import annotations

from typing import Any

from common import sanitising
from django.core.management.base import BaseCommand
from django.db import transaction

from messaging.models import Comment


class Command(BaseCommand):
    help = "Replaces what people wrote in a copy of production."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        sanitising.forget_events()
        sanitising.forget_people(Comment, "author")
        count = Comment.objects.update(body=sanitising.words_for("body"), attachments=None)
        self.stdout.write(f"{count} comments without their words")

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import sanitising
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat

from tickets.models import Attachment, Once, Ticket

FILE = b"What was here is not in a copy.\n"


class Command(BaseCommand):
    help = "Replaces what people wrote and attached in a copy of production."

    def handle(self, *args: Any, **options: Any) -> None:
        for path in Path(settings.MEDIA_ROOT).rglob("*"):
            if path.is_file():
                path.write_bytes(FILE)
        with transaction.atomic():
            sanitising.forget_events()
            Once.objects.all().delete()  # answers of creates, word for word
            sanitising.forget_people(Ticket, "owner", "assignee")
            title = Concat(Value("Ticket "), sanitising.text_of("pk"))
            count = Ticket.objects.update(title=title, description=sanitising.words_for("description"))
            name = Concat(Value("file-"), sanitising.text_of("pk"), Value(".txt"))
            Attachment.objects.update(name=name, size=len(FILE), content_type="")
        self.stdout.write(f"{count} tickets without their words")

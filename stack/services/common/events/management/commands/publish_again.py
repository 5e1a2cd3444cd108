from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from common.events import publisher


class Command(BaseCommand):
    help = (
        "After a restore: events of the last two days leave for the broker once more; receivers know what they handled."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{publisher.publish_again()} events leave again")

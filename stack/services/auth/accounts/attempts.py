"""How often something may be tried with one address, whatever the machine that tries: nginx counts by machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts.models import Attempt, normalised


@dataclass(frozen=True)
class Limit:
    what: str
    at_most: int
    within: timedelta

    def take(self, email: str) -> None:
        """Counts before the thing is tried, and itself before it looks, so that many at once gain nothing. Raises
        Throttled (429)."""
        now = timezone.now()
        Attempt.objects.filter(what=self.what, at__lt=now - self.within).delete()
        this = Attempt.objects.create(what=self.what, email=_kept(email))
        others = list(self._of(email).exclude(pk=this.pk).order_by("-at").values_list("at", flat=True)[: self.at_most])
        if len(others) == self.at_most:
            this.delete()
            raise Throttled(wait=math.ceil((others[-1] + self.within - now).total_seconds()))

    def forgive(self, email: str) -> None:
        self._of(email).delete()

    def _of(self, email: str) -> QuerySet[Attempt]:
        return Attempt.objects.filter(what=self.what, email=_kept(email))


def _kept(email: str) -> str:
    return normalised(email)[:254]  # some letters grow when they become small


PASSWORDS = Limit("password", at_most=10, within=timedelta(minutes=15))
VERIFICATION_MAILS = Limit("mail", at_most=3, within=timedelta(hours=1))

"""How often something may be tried with one address from one place, so that nobody can lock somebody else out. nginx
counts by place alone, which slows whoever tries many addresses."""

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
    """`client` is where it is tried from: see clients.py; empty counts all places together."""

    what: str
    at_most: int
    within: timedelta

    def take(self, email: str, client: str = "") -> None:
        """Counts before the thing is tried, and itself before it looks, so that many at once gain nothing. Raises
        Throttled (429)."""
        now = timezone.now()
        Attempt.objects.filter(what=self.what, at__lt=now - self.within).delete()
        this = Attempt.objects.create(what=self.what, email=_kept(email), client=client)
        others = self._of(email, client).exclude(pk=this.pk).order_by("-at").values_list("at", flat=True)
        found = list(others[: self.at_most])
        if len(found) == self.at_most:
            this.delete()
            raise Throttled(wait=math.ceil((found[-1] + self.within - now).total_seconds()))

    def forgive(self, email: str, client: str = "") -> None:
        self._of(email, client).delete()

    def _of(self, email: str, client: str) -> QuerySet[Attempt]:
        return Attempt.objects.filter(what=self.what, email=_kept(email), client=client)


def _kept(email: str) -> str:
    return normalised(email)[:254]  # some letters grow when they become small


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASSWORDS = Limit("password", at_most=10, within=timedelta(minutes=15))
# Of a place, then of the address from wherever: a stranger must not fill somebody's inbox either. Links live at least
# as long as the second counts, so whoever's mails were used up has one that works.
SIGN_UP_MAILS = (Limit("mail", at_most=3, within=HOUR), Limit("mails", at_most=10, within=DAY))
RESET_MAILS = (Limit("reset", at_most=3, within=HOUR), Limit("resets", at_most=10, within=DAY))
ADDRESS_MAILS = (Limit("address", at_most=3, within=HOUR), Limit("addresses", at_most=10, within=DAY))

"""How often something may be tried with one address from one place, so that nobody can lock somebody else out. nginx
counts by place alone, which slows whoever tries many addresses."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts import clients
from accounts.models import Attempt, User, normalised

log = logging.getLogger(__name__)


class Of(Enum):
    """What is counted apart."""

    ADDRESS_FROM_PLACE = "address and place"
    ADDRESS = "address"
    PLACE = "place"


@dataclass(frozen=True)
class Limit:
    """`client`, here and below, is where it is tried from: see clients.py."""

    what: str
    at_most: int
    within: timedelta
    of: Of = Of.ADDRESS_FROM_PLACE

    def take(self, email: str, client: str) -> None:
        """Counts before the thing is tried, and itself before it looks, so that many at once gain nothing. Raises
        Throttled (429)."""
        this = self._count(email, client)
        self._refuse_above(self.at_most, self._of(this.email, this.client), this)

    def forgive(self, email: str, client: str) -> None:
        self._of(*self._key(email, client)).delete()

    def _count(self, email: str, client: str) -> Attempt:
        Attempt.objects.filter(what=self.what, at__lt=timezone.now() - self.within).delete()
        email, client = self._key(email, client)
        return Attempt.objects.create(what=self.what, email=email, client=client)

    def _refuse_above(self, at_most: int, among: QuerySet[Attempt], this: Attempt) -> None:
        found = list(among.exclude(pk=this.pk).order_by("-at").values_list("at", flat=True)[:at_most])
        if len(found) == at_most:
            this.delete()
            raise Throttled(wait=math.ceil((found[-1] + self.within - timezone.now()).total_seconds()))

    def _key(self, email: str, client: str) -> tuple[str, str]:
        return "" if self.of is Of.PLACE else _kept(email), "" if self.of is Of.ADDRESS else client

    def _of(self, email: str, client: str) -> QuerySet[Attempt]:
        return Attempt.objects.filter(what=self.what, email=email, client=client)


@dataclass(frozen=True)
class PasswordLimit(Limit):
    """`from_all`: from all places together where nobody logged in to the account before. Whoever has many addresses
    guesses no more than that; who has the account goes on where they did, and with a reset anywhere."""

    from_all: int = 0

    def take(self, email: str, client: str) -> None:
        this = self._count(email, client)
        self._refuse_above(self.at_most, self._of(this.email, client), this)
        if clients.is_known(client):
            return
        everywhere = Attempt.objects.filter(what=self.what, email=this.email)
        try:
            self._refuse_above(self.from_all, everywhere.exclude(client__startswith=clients.DEVICE), this)
        except Throttled:
            account = User.objects.filter(email=this.email).values_list("pk", flat=True).first()
            log.warning("wrong passwords of an account from too many places", extra={"data": {"account": account}})
            raise


def forget(limits: tuple[Limit, ...], email: str) -> None:
    """Mails are there again, wherever they are asked from: the links of those that went are no longer good."""
    whats = [limit.what for limit in limits if limit.of is not Of.PLACE]
    Attempt.objects.filter(what__in=whats, email=_kept(email)).delete()


def _kept(email: str) -> str:
    return normalised(email)[:254]  # some letters grow when they become small


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASSWORDS = PasswordLimit("password", at_most=10, within=timedelta(minutes=15), from_all=100)
# Of a place to whomever; of a place to an address; then of the address from wherever, as a stranger must not fill
# somebody's inbox. In this order: what is counted for an address was sent. Links live at least as long as that counts,
# so whoever's mails were used up has one that works.
_PLACE = (Limit("place", at_most=30, within=HOUR, of=Of.PLACE), Limit("place, a day", 100, DAY, of=Of.PLACE))
SIGN_UP_MAILS = (*_PLACE, Limit("mail", 3, HOUR), Limit("mails", 10, DAY, Of.ADDRESS))
RESET_MAILS = (*_PLACE, Limit("reset", 3, HOUR), Limit("resets", 10, DAY, Of.ADDRESS))
# The link is of the account that asks, so each has its own, and the address a ceiling over all.
ADDRESS_MAILS = (
    *_PLACE,
    Limit("address", 3, HOUR),
    Limit("addresses", 10, DAY),
    Limit("addresses of all", 50, DAY, Of.ADDRESS),
)

"""One request as a handler sees it, and its answer. Handlers run inside one transaction of the state: whatever
they raise undoes all they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from localcloud.state import lookup
from localcloud.state.catalog import OPEN_REGIONS
from localcloud.state.database import Transaction
from localcloud.state.faults import Faults
from localcloud.state.model import Droplet, Row
from localcloud.state.unfriendly import Ages
from localcloud.wire import Body, Json, not_found, page, unprocessable
from localcloud.work.guests import PublicNetwork

R = TypeVar("R", bound=Row)

# lists that lag behind; those below one thing, such as a droplet's snapshots, do not
LATE = tuple(
    f"/v2/{name}"
    for name in ("droplets", "volumes", "images", "snapshots", "reserved_ips", "floating_ips", "firewalls")
)


@dataclass(frozen=True)
class Answer:
    """`render` is called after the commit (and after job `after`, if any, has ended) so it shows what is true then."""

    status: int
    render: Callable[[Transaction], Json] | None = None
    after: int | None = None


@dataclass(frozen=True)
class Call:
    tx: Transaction
    public_net: PublicNetwork
    base: str
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    body: Body
    headers: Mapping[str, str]
    ages: Ages
    faults: Faults

    def row(self, kind: type[R], parameter: str) -> R:
        found = self.tx.get(kind, self.params[parameter])
        if found is None:
            raise not_found()
        return found

    def droplet(self) -> Droplet:
        found = lookup.droplet(self.tx, self.params["droplet_id"])
        if found is None:
            raise not_found()
        return found

    def region(self, message: str) -> str:
        region = self.body.text("region", "")
        if region not in OPEN_REGIONS:
            raise unprocessable(message)
        return region

    def paged(self, name: str, entries: Sequence[Json]) -> Answer:
        """A page of what is JSON already."""
        shown, around = page(self.base + self.path, name, entries, self.query)
        return Answer(200, lambda _: {name: list(shown), **around})

    def listing(self, name: str, rows: list[R], show: Callable[[Transaction, R], Json]) -> Answer:
        if self.path in LATE:
            rows = [row for row in rows if self.ages.is_listed(row)]
        shown, around = page(self.base + self.path, name, rows, self.query)
        body = {name: [show(self.tx, row) for row in shown], **around}
        return Answer(200, lambda _: body)

    def one(self, name: str, row: R, show: Callable[[Transaction, R], Json], status: int = 200) -> Answer:
        """The row as it is when the answer leaves, or as it was when the handler ended."""
        return Answer(status, lambda tx: {name: show(tx, tx.get(type(row), row.key) or row)})


Handler = Callable[[Call], Answer]
Route = tuple[str, str, Handler]
GONE = Answer(204)

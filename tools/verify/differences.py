"""Every answer that does not fit openapi.json, or that the local cloud would have given otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from localcloud.api.contract import Contract
from tools.verify.answers import Answers, Shape, is_by_chance, is_told_of, refusal, shape_of
from tools.verify.recorder import Exchange
from tools.verify.routes import Routes, question

DOCUMENT, LOCAL = "openapi.json", "local cloud"
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,}\b")
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+")


@dataclass(frozen=True)
class Difference:
    """`against` is what it does not fit; `what` is one line without a value of the account."""

    asked: str
    status: int
    against: str
    what: str


@dataclass
class Found:
    """How often each difference was seen, and in which step first."""

    times: Counter[Difference] = field(default_factory=Counter)
    first: dict[Difference, str] = field(default_factory=dict)

    def add(self, difference: Difference, during: str) -> None:
        self.times[difference] += 1
        self.first.setdefault(difference, during)


def differences(exchanges: Sequence[Exchange], known: Answers, contract: Contract, routes: Routes) -> Found:
    found = Found()
    fitting: set[tuple[str, int, bytes]] = set()
    for exchange in exchanges:
        asked = question(exchange.method, routes.template(exchange.path), exchange.asked)
        same = asked, exchange.status, exchange.raw
        # whoever waits gets the same answer again and again
        if same in fitting:
            continue
        seen = [*_against_document(asked, exchange, contract), *_against_local(asked, exchange, known)]
        for difference in seen:
            found.add(difference, exchange.during)
        if not seen:
            fitting.add(same)
    return found


def _against_document(asked: str, exchange: Exchange, contract: Contract) -> Iterator[Difference]:
    scope = {
        "type": "http",
        "method": exchange.method,
        "path": exchange.path,
        "query_string": exchange.query.encode(),
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "server": ("localhost", 80),
        "scheme": "http",
    }
    for problem in contract.problems(scope, exchange.status, exchange.headers, exchange.raw):
        where = f"field `{problem.place}`: " if problem.place else ""
        yield Difference(asked, exchange.status, DOCUMENT, cleared(where + problem.rule))


def _against_local(asked: str, exchange: Exchange, known: Answers) -> Iterator[Difference]:
    status = str(exchange.status)

    def differs(what: str) -> Difference:
        return Difference(asked, exchange.status, LOCAL, cleared(what))

    if not (statuses := known.statuses(asked)):
        yield differs("no run against the local cloud has asked this")
    elif status not in statuses:
        said = refusal(exchange.body)
        if not is_by_chance(asked, status, said):
            told = f" `{said}`" if exchange.status >= 400 else ""
            yield differs(f"HTTP {status}{told}; the local cloud answers {', '.join(statuses)}")
    elif exchange.status >= 400:
        ids, told = known.refusals[asked, status], refusal(exchange.body)
        if told not in ids:
            yield differs(f"`id` is `{told}`; the local cloud says {', '.join(f'`{one}`' for one in sorted(ids))}")
    else:
        yield from map(differs, _of_fields(shape_of(exchange.body), known.shapes[asked, status]))


def _of_fields(seen: Shape, local: Shape) -> Iterator[str]:
    for at, types in seen.items():
        if at not in local:
            # its parents are told of first, and what an empty list would hold is not known
            if is_told_of(at, local) and not at.endswith("[]"):
                yield f"field `{at}` ({_told(types)}), which the local cloud does not have"
        elif unknown := types - local[at]:
            yield f"field `{at}` is {_told(unknown)}, in the local cloud {_told(local[at])}"
    for at, types in local.items():
        if at not in seen and "absent" not in types and not at.endswith("[]") and is_told_of(at, seen):
            yield f"field `{at}` is missing, in the local cloud {_told(types)}"


def _told(types: set[str]) -> str:
    return " or ".join(sorted(types))


def cleared(text: str) -> str:
    """No address and no mail address: the report is public."""
    return _MAIL.sub("MAIL", _ADDRESS.sub("ADDRESS", " ".join(text.split())))

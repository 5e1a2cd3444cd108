"""What a run's things are called, so that any later run, on whatever computer, finds them again.

All carry the run's id: `bootstrap-verify:ID` as a tag where DigitalOcean has tags, `verify-ID` in the name elsewhere.
What has neither (a reserved IP, the VPC that `create` makes for a region, Packer's temporary key) is noted in the
account by a tag that nothing carries: `bootstrap-verify-made:ID:KIND:KEY`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

_TIME = "%y%m%d%H%M"
_ID = r"(\d{10}-[0-9a-f]{4})"
_ANYWHERE = re.compile(rf"verify(?:-made)?[-:]{_ID}")
_MARK = re.compile(rf"bootstrap-verify-made:{_ID}:([a-z]+):([A-Za-z0-9-]+)")


@dataclass(frozen=True)
class Run:
    """`id` begins with its time, UTC to the minute."""

    id: str

    @classmethod
    def new(cls) -> Run:
        return cls(f"{datetime.now(timezone.utc):{_TIME}}-{secrets.token_hex(2)}")

    @property
    def label(self) -> str:
        """A label of a domain, and part of every name."""
        return f"verify-{self.id}"

    @property
    def tag(self) -> str:
        return f"bootstrap-verify:{self.id}"

    @property
    def age_s(self) -> float:
        began = datetime.strptime(self.id.partition("-")[0], _TIME).replace(tzinfo=timezone.utc)
        return (datetime.now(timezone.utc) - began).total_seconds()


@dataclass(frozen=True)
class Mark:
    """A note of something that has no name of ours. `kind` is ip, vpc or key."""

    run: Run
    kind: str
    key: str

    @property
    def tag(self) -> str:
        """A tag holds letters, digits, colons, dashes and underscores."""
        return f"bootstrap-verify-made:{self.run.id}:{self.kind}:{self.key.replace('.', '-')}"


def run_of(*names: str) -> Run | None:
    """Whose a thing with these names and tags is."""
    found = next((match for name in names if (match := _ANYWHERE.search(name))), None)
    if found is None:
        return None
    try:
        run = Run(found[1])
        _ = run.age_s
    except ValueError:
        # thirteen months: no run of ours
        return None
    return run


def marks(tags: Iterable[str]) -> set[Mark]:
    found = (_MARK.fullmatch(tag) for tag in tags)
    return {Mark(Run(m[1]), m[2], m[3].replace("-", ".") if m[2] == "ip" else m[3]) for m in found if m}

"""What the bucket should have and lacks, and what the copy need not keep: by the rules that the droplet prunes by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bootstrap.operations.pull.log import Log
from bootstrap_agent.contract import manifest, retention
from bootstrap_agent.contract.deployment import Keep
from bootstrap_agent.contract.manifest import Manifest


@dataclass(frozen=True)
class Rules:
    keep: Keep
    now: datetime

    def expired(self, manifests: Sequence[Manifest]) -> set[str]:
        return {found.id for found in retention.expired(manifests, self.now, self.keep)}

    def old_log(self, log: Log, keys: Collection[str], stay: Sequence[Manifest]) -> set[str]:
        """Of these objects of the log those that no backup of `stay` needs."""
        return {
            log.key(system, segment)
            for system, segments in log.segments(keys).items()
            for segment in retention.old_log(segments, _bases(stay, system), self.now, self.keep)
        }


def lost(
    known: Sequence[Manifest], there: Collection[str], held: Collection[str], log: Log, rules: Rules
) -> Iterator[str]:
    """`there` and `held` are names of objects. A backup that may go and is gone was pruned."""
    gone = rules.expired(known)
    stay = [found for found in known if found.id not in gone]
    for found in stay:
        if manifest.manifest_key(log.prefix, found.id) not in there:
            yield f"backup {found.id} is gone from the bucket{_copied(all(part.key in held for part in found.parts))}"
            continue
        for part in found.parts:
            if part.key not in there:
                yield f"{part.key} is gone from the bucket{_copied(part.key in held)}"
        if lacking := [key for key in log.needed(found) if key not in there and key not in held]:
            yield f"{lacking[0]} is gone from the bucket, and backup {found.id} leads nowhere without it"
    for system, segments in log.segments(set(held) - set(there)).items():
        old = set(retention.old_log(segments, _bases(stay, system), rules.now, rules.keep))
        if missing := sorted(set(segments) - old):
            what = f"{len(missing)} segment(s) of the log from {log.key(system, missing[0])} on"
            yield f"{what} are gone from the bucket{_copied(True)}"


def _copied(is_held: bool) -> str:
    return "; the copy has it" if is_held else ""


def _bases(manifests: Sequence[Manifest], system: str) -> list[Manifest]:
    return [found for found in manifests if found.cluster and found.cluster.system == system]

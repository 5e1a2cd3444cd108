"""Backups, the archive of the databases' log, and the certificate: what fails silently."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bootstrap_agent.alerts.decide import Finding, Looked
from bootstrap_agent.backup import age
from bootstrap_agent.certificate import pair, renewal
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.contract import form, paths, units
from bootstrap_agent.contract.answers import Archive, BackupAge, Failing
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError, ConflictError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import run

# a day from one to the next, and time to make it
LATE = timedelta(hours=26)
# what Spaces or the network does for a moment heals by itself
OUTAGE = timedelta(hours=1)
BEHIND = timedelta(minutes=3)
# begun at once; a large one takes a while
BASELESS = timedelta(hours=1)
# a round may send much
SILENT = timedelta(minutes=15)
# of the time between a certificate's renewal and its end: with less left, its renewal does not work
CERTIFICATE_LEFT = 0.9


def units_of(x: XBootstrap) -> tuple[str, ...]:
    return tuple(timer for timer in units.timers_of(x) if timer in units.BACKUP_TIMERS)


def made_by_themselves(timers: tuple[str, ...]) -> Looked:
    """What systemd knows: whether a timer is on, and how its service ended."""
    found: list[Finding] = []
    unknown: list[str] = []
    for timer in timers:
        service, name = units.service_of(timer), timer.removesuffix(".timer")
        key = f"backup:{name}"
        if _shown(timer)["ActiveState"] != "active":
            found.append(Finding(key, f"{timer} is not on: no backup is made by itself"))
        elif failed := _failure(shown := _shown(service), service):
            found.append(Finding(key, failed))
        elif shown["ActiveState"] != "inactive":
            # under way, or on its way to be tried again: how it ends is not known yet
            unknown.append(key)
    return Looked(tuple(found), tuple(unknown))


def _failure(shown: Mapping[str, str], service: str) -> str | None:
    """Once it is over: a run that has begun says "success". One that only found the droplet busy is tried again."""
    busy = shown["ExecMainStatus"] == str(ConflictError.exit_code) and shown["ActiveState"] != "failed"
    if shown["Result"] == "success" or busy:
        return None
    said = run(["journalctl", f"--unit={service}", "--output=cat", "--lines=50", "--no-pager"], check=False).out
    errors = [line.removeprefix("error: ") for line in said.splitlines() if line.startswith("error: ")]
    return f"{service} failed: {errors[-1] if errors else shown['Result']}"[:400]


def _shown(unit: str) -> dict[str, str]:
    names = ("ActiveState", "Result", "ExecMainStatus")
    said = run(["systemctl", "show", unit, *(f"--property={name}" for name in names)]).out
    # a timer has no main process
    return {"ExecMainStatus": "0", **dict(line.split("=", 1) for line in said.splitlines() if "=" in line)}


def in_the_bucket(deployment: Deployment, began: datetime, now: datetime) -> Looked:
    try:
        return newest(age.newest(deployment), began, now)
    except BootstrapError as error:
        after = OUTAGE if error.retryable else timedelta()
        return Looked(
            (Finding("backup:bucket", f"the backups cannot be looked at: {error.message}", after),), ("backup:late",)
        )


def newest(found: BackupAge, began: datetime, now: datetime) -> Looked:
    """`began`: before the first one there is nothing that could be late."""
    if found.last is None or found.age_s is None:
        missing = Finding("backup:late", "there is no backup")
        return Looked((missing,) if now - began > LATE else ())
    if timedelta(seconds=found.age_s) <= LATE:
        return Looked()
    return Looked((Finding("backup:late", f"the newest backup, {found.last}, is {found.age_s // 3600} hours old"),))


def archiving() -> Looked:
    """Whether systemd keeps the archiver at work; one that ends again and again falls silent."""
    if _shown(units.ARCHIVE)["ActiveState"] in ("active", "activating", "reloading"):
        return Looked()
    return Looked((Finding("archive:unit", f"{units.ARCHIVE} is not on: the databases' log is not archived"),))


def archive(now: datetime, path: Path = paths.ARCHIVE) -> Looked:
    """Without the file there is no archiver, or it has not begun since the boot. It writes every round, well or not."""
    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        found = form.decode(path.read_text(), Archive)
    except FileNotFoundError:
        return Looked()
    if now - written >= SILENT:
        return Looked((Finding("archive", f"the archiver of the databases' log is silent since {written:%H:%M} UTC"),))
    wrong: list[Finding] = []
    if found.behind_since and now - found.behind_since >= BEHIND:
        why = f": {found.why}" if found.why else ""
        text = f"the databases' log is not archived since {found.behind_since:%Y-%m-%d %H:%M} UTC{why}"
        wrong.append(Finding("archive", text))
    if found.baseless_since and now - found.baseless_since >= BASELESS:
        text = f"the databases' log has no base backup since {found.baseless_since:%Y-%m-%d %H:%M} UTC"
        wrong.append(Finding("archive:base", f"{text}: what was written since then is in no backup"))
    return Looked(tuple(wrong))


def certificate(release: Release, x: XBootstrap, now: datetime) -> Looked:
    found = pair.installed(release, x)
    if found is None:
        return Looked()
    memory = renewal.recall()
    return ends(found, renewal.renew_at(found, memory.plan), memory.failing, now)


def ends(found: Certificate, renew_at: datetime, failing: Failing | None, now: datetime) -> Looked:
    """Below a third of its life, or of the time that its authority leaves: by then it should have been renewed."""
    left = found.not_after - now
    usual = min((found.not_after - found.not_before) / 3, found.not_after - renew_at)
    if left >= usual * CERTIFICATE_LEFT:
        return Looked()
    text = f"the certificate ends at {found.not_after:%Y-%m-%d %H:%M} UTC and was not renewed"
    return Looked((Finding("certificate", f"{text}: {failing}" if failing else text),))

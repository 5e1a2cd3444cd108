"""`python -m tools.verify`, which `make verify-cloud` runs: asks, runs, reports.

Exit codes: 0 all passed and nothing differs, 1 a step failed or something is left, 3 only differences were found,
12 the person said no, 130 interrupted and all deleted; others as bootstrap's own."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootstrap.adapters.console import Console
from bootstrap.cli.context import Context, Endpoints
from bootstrap.cli.places import state_dir
from bootstrap.errors import BootstrapError, Cancelled, ConflictError, UsageError
from bootstrap.settings.parts import SPACES_REGIONS
from localcloud.api.contract import Contract, published
from tools.verify import preflight, price, report
from tools.verify.account import Account
from tools.verify.names import Run
from tools.verify.routes import Routes
from tools.verify.run import Interrupted, Verification, settle_s

DOCUMENT = Path(__file__).resolve().parents[2] / "tests" / "contract" / "api" / "openapi.json"


def main() -> int:
    options = _parsed(sys.argv[1:])
    try:
        return _main(options)
    except BootstrapError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"hint: {error.remedy}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, Interrupted):
        return 130


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make verify-cloud", description=sys.modules["tools.verify"].__doc__)
    parser.add_argument("--cloud", choices=("digitalocean", "local"), default="digitalocean")
    parser.add_argument("--domain", help="a domain whose name servers are DigitalOcean's; nothing of it is changed")
    parser.add_argument("--region", default="nyc3", help="default: nyc3")
    parser.add_argument("--only", choices=("suite", "life"), help="half of it")
    parser.add_argument("--report", type=Path, help="the file to write; default: verify-ID.md here")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--clean", action="store_true", help="delete what earlier runs left, whatever their age")
    parser.add_argument("--learn", action="store_true", help="from the local cloud only: what it answers is right")
    return parser.parse_args(argv)


def _main(options: argparse.Namespace) -> int:
    if options.learn and options.cloud != "local":
        raise UsageError("--learn takes the local cloud's answers only", "CLOUD=local")
    endpoints = Context(options.cloud, Path("bootstrap.yaml"), Console()).endpoints
    domain = None if options.clean else preflight.domain_for(options.cloud, options.domain)
    home = state_dir() / "verify" / options.cloud
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(home):
        # earlier runs may have been in any region
        everywhere = Account(endpoints.token, endpoints.api, preflight.buckets(endpoints, SPACES_REGIONS))
        behind_s = settle_s(options.cloud)
        if domain is None:
            return 1 if _clean(everywhere, home, is_all=True, behind_s=behind_s) else 0
        buckets = preflight.buckets(endpoints, [options.region])
        account = Account(endpoints.token, endpoints.api, buckets)
        preflight.check(account, buckets, options.cloud, options.region)
        priced = price.lines(account.cloud.sizes())
        print(f"This costs at most, at {options.cloud}'s prices:\n{price.text(priced)}")
        if not options.yes:
            _ask()
        _clean(everywhere, home, is_all=False, behind_s=behind_s)
        return _verify(options, domain, endpoints, account, home, priced)


def _verify(
    options: argparse.Namespace,
    domain: str,
    endpoints: Endpoints,
    account: Account,
    home: Path,
    priced: list[price.Line],
) -> int:
    run = Run.new()
    # tells the next run that this one was of this computer
    work = home / run.id
    work.mkdir(mode=0o700)
    parts = (options.only,) if options.only else ("suite", "life")
    began = time.monotonic()

    def say(line: str) -> None:
        at = int(time.monotonic() - began)
        print(f"[{at // 60:02d}:{at % 60:02d}] {line}", flush=True)

    say(f"run {run.id}: everything it makes carries {run.tag}")
    verification = Verification(run, options.cloud, domain, options.region, endpoints, account, parts, work, say)
    code = 0
    try:
        verification.execute()
    except Interrupted:
        code = 130
        if not verification.steps:
            # before it began: there is nothing to tell of
            return code
    if not verification.is_left:
        shutil.rmtree(work)
    return _reported(options, verification, priced) or code


def _reported(options: argparse.Namespace, verification: Verification, priced: list[price.Line]) -> int:
    routes = Routes(published(DOCUMENT)["paths"])
    if options.learn:
        verification.learn(routes)
    found = verification.found(Contract(DOCUMENT), routes)
    outcome = verification.outcome(found, price.text(priced))
    file = options.report or Path(f"verify-{verification.run.id}.md")
    keys = verification.endpoints.spaces_credentials or ()
    file.write_text(report.text(outcome, routes, (verification.endpoints.token, *keys)))
    failed = [step for step in outcome.steps if step.failure]
    verification.say(
        f"{len(outcome.steps) - len(failed)} steps passed, {len(failed)} failed; {len(found.times)} differences in "
        f"{len(outcome.exchanges)} answers; at most {price.total(priced):.0f} cents; report: {file}"
    )
    for step in failed:
        verification.say(f"failed: {step.name}: {step.failure}")
    if failed:
        return 1
    return 3 if found.times and outcome.is_whole else 0


def _ask() -> None:
    if not sys.stdin.isatty():
        raise Cancelled("nobody can be asked: there is no terminal", "make verify-cloud ARGS=--yes")
    if input("Go on? [yes/no] ").strip().lower() not in ("y", "yes"):
        raise Cancelled("nothing was made")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError("another make verify-cloud runs on this computer", "wait until it has ended") from None
        yield


# --- what earlier runs left


def _clean(account: Account, home: Path, *, is_all: bool, behind_s: float) -> bool:
    """Whether something is left. Those of this computer are dead, as we hold the lock; one of another computer may
    still run as long as a run may last."""
    young = set[Run]()

    def is_dead(run: Run) -> bool:
        dead = is_all or (home / run.id).exists() or run.age_s > price.HOURS * 3600
        young.update(() if dead else (run,))
        return dead

    found = account.things(is_dead)
    for run in sorted({thing.run for thing in found}, key=lambda run: run.id):
        print(f"left by an earlier run, {run.id}: {', '.join(str(t) for t in found if t.run == run)}")
    left: list[str] = []
    if found:
        # What was made right before the kill may be in no list yet: a reserved IP without its note is found by the
        # droplet that holds it, so that has to stay until then.
        time.sleep(behind_s)
        left = account.sweep(is_dead, print, behind_s)
    for file in home.glob("*/tags"):
        account.spare_tags.update(file.read_text().split())
    account.drop_spare_tags()
    if not left:
        for folder in [entry for entry in home.iterdir() if entry.is_dir()]:
            shutil.rmtree(folder)
    for run in sorted(young, key=lambda run: run.id):
        print(
            f"run {run.id} began {run.age_s / 60:.0f} min ago on another computer and is left alone: --clean deletes it"
        )
    print("nothing is left of earlier runs" if not left else f"still there: {', '.join(left)}")
    return bool(left)


if __name__ == "__main__":
    sys.exit(main())

from __future__ import annotations

import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli import completing
from bootstrap.cli.context import COPY_VARIABLES, Context, json_option, pass_context, recovery_key_option
from bootstrap.errors import BackupError, BootstrapError, CredentialsError, UsageError

if TYPE_CHECKING:
    from bootstrap.operations.pull.run import Pulled
    from bootstrap.ports.copies import Copies
    from bootstrap.settings import Settings


@click.command()
@click.argument("to", metavar="DIR|s3://BUCKET/PREFIX")
@click.argument("domains", metavar="[DOMAIN]...", nargs=-1, shell_complete=completing.domains)
@click.option("--endpoint", metavar="URL", help="S3 server of BUCKET; default: that of the backups.")
@click.option("--region", help="Region of BUCKET; default: that of the backups.")
@click.option("--prune", is_flag=True, help="Delete in the copy what `backup.keep_*` does not keep, if all is well.")
@recovery_key_option
@json_option
@pass_context
def pull(
    context: Context,
    to: str,
    domains: tuple[str, ...],
    endpoint: str | None,
    region: str | None,
    prune: bool,
    recovery_key: Path | None,
    as_json: bool,
) -> None:
    """Copy the backups to where no droplet can delete them.

    Fetches what the copy lacks, checks each object against its manifest, and goes on where it was interrupted. What the
    bucket lost, or what changed there, is told (exit code 10) and never replaces what was copied. Needs no droplet and
    no token: a Spaces key that may read is enough. BUCKET's own key is in COPY_ACCESS_KEY_ID and
    COPY_SECRET_ACCESS_KEY.

    \b
    bootstrap backup pull /srv/copies
    bootstrap backup pull /srv/copies example.com example.org --prune --json
    bootstrap backup pull s3://copies --endpoint https://s3.example.net
    """
    results: list[Pulled] = []
    failures: list[BootstrapError] = []
    for domain in domains or (None,):
        try:
            results.append(_pull(context, to, domain, endpoint, region, prune, recovery_key))
        except BootstrapError as error:
            # one deployment's trouble leaves no other without its copy
            failures.append(error)
            if len(domains) > 1:
                context.console.warn(f"{domain}: {error.message}")
    failures += [_failed(result) for result in results if result.problems]
    if as_json and results:
        context.console.json([asdict(result) for result in results])
    elif not as_json:
        for result in results:
            _print(context, result)
    if failures:
        raise failures[0]


def _pull(
    context: Context,
    to: str,
    domain: str | None,
    endpoint: str | None,
    region: str | None,
    prune: bool,
    recovery_key: Path | None,
) -> Pulled:
    from bootstrap.operations.pull.run import pull as operation

    settings, store = context.backups(domain, recovery_key=recovery_key)
    copies = _copies(context, to, settings, endpoint, region)
    return operation(settings, store, copies, context.console, prune=prune)


def _copies(context: Context, to: str, settings: Settings, endpoint: str | None, region: str | None) -> Copies:
    from bootstrap.adapters.copy_bucket import CopyBucket
    from bootstrap.adapters.copy_folder import CopyFolder
    from bootstrap_agent.s3.bucket import Place
    from bootstrap_agent.s3.client import TRANSFER

    if not to.startswith("s3://"):
        if endpoint or region:
            raise UsageError(f"--endpoint and --region are of a bucket, and {to} is a folder", "s3://BUCKET/PREFIX")
        return CopyFolder(Path(to).expanduser())
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", to)
    if found is None:
        raise UsageError(f"{to} names no bucket", "s3://BUCKET, or s3://BUCKET/PREFIX")
    bucket, prefix = found[1], (found[2] or "").strip("/")
    endpoint, region = endpoint or settings.spaces_endpoint, region or settings.spaces_region
    if (bucket, endpoint.rstrip("/")) == (settings.bucket, settings.spaces_endpoint.rstrip("/")):
        raise UsageError(f"{to} is where the backups are", "name a bucket that no droplet has a key of")
    access, secret = (os.environ.get(name, "") for name in COPY_VARIABLES)
    if not (access and secret):
        raise CredentialsError(
            f"no key for {to}: {' and '.join(COPY_VARIABLES)} are not set",
            "a key that no droplet has: whoever holds a droplet holds its key",
        )
    place = Place(endpoint, region, bucket, access, secret)
    return CopyBucket(place, f"{prefix}/" if prefix else "", context.console.warn, TRANSFER)


def _failed(result: Pulled) -> BackupError:
    more = f", and {len(result.problems) - 1} more" if len(result.problems) > 1 else ""
    remedy = "what was copied stays as it is; docs/operations.md, `Copies that no droplet can delete`"
    return BackupError(f"{result.domain}: {result.problems[0]}{more}", remedy)


def _print(context: Context, result: Pulled) -> None:
    newest = f", the newest {result.backups[0]}" if result.backups else ""
    context.console.print(f"{result.domain}: {len(result.backups)} backups in {result.to}{newest}")
    context.console.print(f"  {result.fetched} objects fetched ({result.size} bytes), {result.present} as they were")
    if result.removed:
        context.console.print(f"  {len(result.removed)} objects deleted in the copy")
    for key in result.mended:
        context.console.print(f"  mended: {key} was damaged in the copy")
    for key in result.unsure:
        context.console.warn(f"{key} was uploaded again: --recovery-key tells whether it is the same log")
    for problem in result.problems:
        context.console.print(f"  problem: {problem}")

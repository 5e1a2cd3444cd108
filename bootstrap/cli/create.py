"""`bootstrap create`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli import completing
from bootstrap.cli.around import changing
from bootstrap.cli.context import Context, Moment, json_option, pass_context, recovery_key_option, stack_option
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.deployment.environment import Environment
    from bootstrap.images.provenance import Provenance
    from bootstrap.operations.create.plan import Plan, Source
    from bootstrap.operations.create.run import Created


@click.command()
@click.option("--domain", shell_complete=completing.domains, help="The name to serve, such as example.com.")
@click.option("--name", "names", multiple=True, help="Another name that leads to it; may be repeated.")
@click.option(
    "--dns", type=click.Choice(["digitalocean", "external"]), help="Who keeps the records: external is told which."
)
@click.option("--region", help="Region, such as nyc3 or fra1.")
@click.option("--size", help="Size of the droplet, such as s-2vcpu-2gb.")
@click.option(
    "--image", type=int, shell_complete=completing.images, help="A baked image's id; default: the newest one that fits."
)
@click.option("--email", help="Address that the certificate authority may write to.")
@click.option("--volume-size", "volume_size_gb", type=int, help="Size of a new data volume in GiB.")
@stack_option
@click.option(
    "--ssh-key", type=click.Path(path_type=Path, dir_okay=False), help="Private SSH key; made when it does not exist."
)
@click.option("--ssh-from", multiple=True, help="Network allowed to use SSH; may be repeated.")
@click.option(
    "--env-file", type=click.Path(path_type=Path, dir_okay=False), help="Your own values for .env.production."
)
@click.option(
    "--from-backup",
    metavar="[NAME:]ID",
    help="Start from a backup: its id, or `latest`; of another deployment: production:latest.",
)
@click.option("--to", type=Moment(), metavar="TIME", help="With --from-backup latest: a moment to go back to.")
@click.option("--unsanitised", is_flag=True, help="With production:latest: serve its data as they are.")
@recovery_key_option
@click.option("--dry-run", is_flag=True, help="Check everything, print what would exist and its cost.")
@json_option
@pass_context
def create(
    context: Context,
    /,
    domain: str | None,
    from_backup: str | None,
    to: datetime | None,
    unsanitised: bool,
    dry_run: bool,
    as_json: bool,
    ssh_from: tuple[str, ...],
    names: tuple[str, ...],
    **flags: object,
) -> None:
    """Create the deployment of a domain, or complete it.

    Safe to run again, after an interruption or to check: what exists is found and kept.

    From backup `latest` is everything that was archived; with --to, or a backup's id, its moment. With the name of
    another environment before it (`production`: the file without one), its backup: the stack's `sanitise` commands
    run before anything is served, and no value of its .env.production comes along.

    \b
    bootstrap create --domain example.com
    bootstrap create --domain example.com --dry-run
    bootstrap create --domain example.com --from-backup latest
    bootstrap create --domain app.example.com --dns external
    bootstrap -e staging create --from-backup production:latest
    """
    from bootstrap.operations.create import run as operation
    from bootstrap.operations.create.plan import Source, check

    name, _, from_backup = (from_backup or "").rpartition(":")
    if to and from_backup != "latest":
        raise UsageError("--to finds its backup by itself", "add --from-backup latest")
    # a new deployment is never guessed from the others: without --domain, bootstrap.yaml must name it
    env = context.environment_of(context.settings(domain, ssh_from=ssh_from or None, names=names or None, **flags))
    if context.endpoints.base_is_stand_in:
        context.console.note("the local cloud's base image is Debian 13, standing in for Ubuntu 22.04")
    if unsanitised and not name:
        raise UsageError("--unsanitised is of another deployment's backup", "add --from-backup production:latest")
    source = Source(context.source(name), sanitise=not unsanitised) if name else None
    if dry_run:
        plan = check(env, from_backup or None, to, source)
        _print_plan(context, env, plan, _origin(context, env, plan), as_json)
        return
    had_key = env.settings.recovery_file.exists()
    with changing(context, env.settings, "create") as here:
        created = operation.create(
            env, from_backup=from_backup or None, to=to, source=source, on_plan=lambda plan: _origin(context, env, plan)
        )
        here.know(address=created.address)
    completing.remember_domain(context.cloud_name, env.settings.domain)
    _print_summary(context, env, created, as_json)
    if not had_key and not as_json:
        _show_recovery_key(context, env.settings.recovery_file)


def _show_recovery_key(context: Context, file: Path) -> None:
    """Once, and to a person only: what a log has read, everybody has read."""
    if not file.exists():
        return
    context.console.warn(f"{file} is the only key that opens the backups: keep a copy elsewhere")
    if sys.stdout.isatty():
        context.console.print(file.read_text().splitlines()[-1])


def _origin(context: Context, env: Environment, plan: Plan) -> Provenance | None:
    """Where the image comes from; told when that is not what one would think."""
    from bootstrap.adapters.checkout import checkout
    from bootstrap.images import provenance
    from bootstrap.images.bake import SOURCES

    if plan.image is None:
        return None
    source = checkout()
    here = [*(source.root / name for name in SOURCES), env.settings.stack]
    origin = provenance.of(plan.image, source.commit(here))
    if origin.differs:
        context.console.note(origin.differs)
    if origin.is_old:
        context.console.warn(f"the image is {origin.age_days} days old: bootstrap image build bakes today's packages")
    return origin


def _print_plan(context: Context, env: Environment, plan: Plan, origin: Provenance | None, as_json: bool) -> None:
    from bootstrap.deployment.cost import most, total

    s, keep = env.settings, env.settings.backup
    kept = f"kept {keep.keep_daily} days, {keep.keep_weekly} weeks, {keep.keep_monthly} months"
    droplet = plan.deployment.live.name if plan.deployment.live else f"new, {s.size} in {s.region}"
    volume = plan.deployment.volume
    exists = {
        "domain": ", ".join(s.names) + ("; you make their records" if s.dns_elsewhere else ""),
        "droplet": droplet,
        "image": f"{plan.image.name}, {origin}" if plan.image else "as it runs",
        "data volume": f"{volume.name}, exists" if volume else f"new, {s.volume_size_gb} GiB",
        **({"data": f"from backup {plan.from_backup}{_whose(plan.source)}"} if plan.from_backup else {}),
        **({} if s.mail else {"mail": "off: the stack's mail variables name no server"}),
        "reserved ip": plan.deployment.reserved_ip.ip if plan.deployment.reserved_ip else "new",
        "firewall": f"22 from {', '.join(s.ssh_from)}; 80, 443 and icmp from everywhere",
        "backups": f"{s.bucket}/{s.prefix}, {kept}" if env.store else "none: no Spaces key",
        "alarms": _told(env, plan),
    }
    if as_json:
        costs = {item.what: item.usd for item in plan.costs}
        image = {"id": plan.image.id, "name": plan.image.name, **vars(origin)} if plan.image else None
        context.console.json(
            {
                "plan": exists,
                "image": image,
                "costs_usd": costs,
                "cost_month_usd": total(plan.costs),
                "cost_month_usd_at_most": most(plan.costs),
            }
        )
        return
    context.console.table(("what", "how"), list(exists.items()))
    context.console.print()
    rows = [
        (item.what, f"{item.usd:6.2f}", f"{item.unit}, at most" if item.at_most else item.unit) for item in plan.costs
    ]
    sums = [("total, without what is at most", total(plan.costs)), ("total, at most", most(plan.costs))]
    context.console.table(("a month", "USD", "price"), [*rows, *((what, f"{usd:6.2f}", "") for what, usd in sums)])
    context.console.hint("nothing was created; the same line without --dry-run does it")


def _whose(source: Source | None) -> str:
    if source is None:
        return ""
    how = "before anything is served, the stack's sanitise commands run" if source.sanitise else "as it is"
    return f" of {source.env.settings.domain}, {how}"


def _told(env: Environment, plan: Plan) -> str:
    """Who hears when something is wrong."""
    settings = env.settings
    ways = [f"mails to {settings.alerts_to}"] if settings.alerts_to and plan.stack.bootstrap.mail else []
    ways += [f"DigitalOcean's uptime check, to {plan.owner}"] if settings.alerts.uptime_check else []
    return "; ".join(ways) or "bootstrap status only"


def _print_summary(context: Context, env: Environment, created: Created, as_json: bool) -> None:
    if as_json:
        context.console.json(
            {
                "url": created.url,
                "reserved_ip": created.address,
                "droplet": {"id": created.droplet.id, "name": created.droplet.name, "ip": created.droplet.public_ip},
                "volume": created.volume.name,
                "certificate": {"not_after": created.certificate_until},
                "cost_month_usd": created.cost_month_usd,
            }
        )
        return
    context.console.print(f"{env.settings.domain} is live at {created.url}")
    context.console.print(
        f"reserved ip {created.address}, droplet {created.droplet.name}, volume {created.volume.name}"
    )
    certificate = f"until {created.certificate_until}" if created.certificate_until else "managed by the stack itself"
    context.console.print(f"certificate {certificate}; ${created.cost_month_usd:.2f} a month")
    if context.endpoints.inbox and created.stack.bootstrap.mail:
        context.console.print(f"its mail arrives at {context.endpoints.inbox}/")
    roots = env.settings.acme.roots_file
    if roots:
        # a rehearsal's names and roots are known to this machine only by these flags
        domain, path = env.settings.domain, created.stack.bootstrap.health[0]
        context.console.print(f"curl --cacert {roots} --resolve {domain}:443:{created.address} https://{domain}{path}")

"""`bootstrap status`."""

from __future__ import annotations

from typing import Any

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.command()
@domain_argument
@json_option
@pass_context
def status(context: Context, domain: str | None, as_json: bool) -> None:
    """Show what runs, how healthy it is and what it costs.

    \b
    bootstrap status
    bootstrap status example.com --json
    """
    from bootstrap.operations.status import status as operation

    now = operation(context.environment(domain))
    if as_json:
        context.console.json(now)
    else:
        _print(context, now)


def _print(context: Context, now: dict[str, Any]) -> None:
    release, droplet, volume = now["release"] or {}, now["droplet"] or {}, now["volume"] or {}
    backup = now["backup"]
    rows = [
        ("url", now["url"]),
        ("state", f"{now['state']}, {'healthy' if now['healthy'] else 'not healthy: ' + str(now['problem'])}"),
        ("release", f"{release['image']} (git {str(release['git'])[:7]}, {release['built_at']})" if release else "-"),
        ("droplet", f"{droplet['name']} {droplet['ip']} {droplet['size']} {droplet['region']}" if droplet else "-"),
        ("reserved ip", now["reserved_ip"] or "-"),
        ("volume", f"{volume['name']} {volume['size_gb']} GiB" if volume else "-"),
        ("certificate", _certificate(now["certificate"])),
        ("backup", f"{backup['last']}, {age(backup['age_s'])} ago" if backup["last"] else "none yet"),
        ("log", _archive(now["archive"])),
        ("drill", _drill(now["drill"])),
        *([("lock", _lock(now["lock"]))] if now["lock"] else []),
        *([("maintenance", f"since {now['maintenance']}: visitors get 503")] if now["maintenance"] else []),
        ("alarms", "; ".join(f"{each['message']}, since {each['since']}" for each in now["alarms"]) or "none"),
        ("cost", f"${now['cost_month_usd']:.2f} a month"),
    ]
    for name, text in rows:
        context.console.print(f"{name:<12} {text}")
    if now["services"]:
        context.console.print()
        services = [(item["name"], item["state"], item["health"] or "-") for item in now["services"]]
        context.console.table(("service", "state", "health"), services)


def _lock(lock: dict[str, Any]) -> str:
    text = f"{lock['operation'] or 'a command'} on {lock['holder']} since {lock['since']}"
    return f"{text}; silent for {age(lock['silent_s'])}: the next run takes it over" if lock["stale"] else text


def _certificate(certificate: dict[str, Any] | None) -> str:
    if certificate is None:
        return "-"
    text, failing = f"{certificate['issuer']}, until {certificate['not_after']}", certificate.get("failing")
    return f"{text}; its renewal fails since {failing['since']}: {failing['why']}" if failing else text


def _archive(archive: dict[str, Any] | None) -> str:
    if archive is None:
        return "-"
    if since := archive.get("behind_since"):
        return f"not archived since {since}: {archive.get('why')}"
    text = f"archived until {archive['archived_at'] or 'now: it begins'}"
    return f"{text}; its first base backup is due since {since}" if (since := archive.get("baseless_since")) else text


def _drill(drill: dict[str, Any] | None) -> str:
    if drill is None:
        return "none yet: bootstrap drill"
    if drill["passed"]:
        return f"passed at {drill['at']}, backup {drill['backup']}"
    before = f"; passed last at {passed}" if (passed := drill["last_passed"]) else "; never passed"
    return f"failed at {drill['at']}: {drill.get('problem')}{before}"


def age(seconds: int | None) -> str:
    if seconds is None:
        return "?"
    return f"{seconds // 3600} h" if seconds >= 3600 else f"{seconds // 60} min"

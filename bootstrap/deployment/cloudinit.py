"""cloud-init's verdict on a first boot, and what its logs say of a failure.

It reports in the same words from 22.x to 25.x, but in other places: `errors` of the whole, and since 24.1 also of each
stage. What went wrong in a module stands in cloud-init.log, what its programs printed in cloud-init-output.log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bootstrap.deployment.environment import Environment
from bootstrap.errors import CloudInitError, HostError
from bootstrap.ports.host import Host

DONE_S = 600
LINES = 12
LINE_LENGTH = 200
LOG, OUTPUT = "/var/log/cloud-init.log", "/var/log/cloud-init-output.log"
REMEDY = f"bootstrap ssh -- sudo tail -n 50 {OUTPUT}; the same command, run again, replaces the droplet"
# as cloud-init names a module that raised: ('scripts_user', RuntimeError('…')), or "Running module scripts-user (…)"
_MODULE = re.compile(r"^\(?'([a-z][\w-]*)'|[Rr]unning module ([a-z][\w-]*)|\bcc_([a-z_]+)\.py\b")
# user-data holds one secret, the first host key, which is good for one contact; it is not for a screen either
_SECRET = re.compile(r"PRIVATE KEY|^\s*[A-Za-z0-9+/=]{60,}\s*$")
# of a program, its own words: a shell's `not found` says more than the module's `1 failures`
_TELLING = re.compile(
    r"\[(WARNING|ERROR|CRITICAL)\]|^[\w.]*(Error|Exception)\b|[Ff]ailed|not found|No such file|[Pp]ermission denied"
)
# what cloud-init tries without need, and says again at a level of its own when it matters
_BESIDE = re.compile(r"\[DEBUG\]")


def wait_until_done(env: Environment, host: Host) -> None:
    """CloudInitError when it ended otherwise, after its log's telling lines were shown."""
    # exit code 2 means done with recoverable errors, such as a deprecated key; 1 means failed
    result = host.run(["cloud-init", "status", "--wait", "--format", "json"], timeout_s=DONE_S, check=False)
    try:
        status = json.loads(result.stdout)
    except ValueError:
        said = result.stderr.strip()[-LINE_LENGTH:] or f"exit code {result.exit_code}"
        raise CloudInitError(f"cloud-init gave no status: {said}", REMEDY) from None
    found = list(errors_of(status))
    if result.exit_code != 1 and status.get("status") == "done" and not found:
        return
    for line in telling(_log(host)):
        env.progress.note(line)
    raise CloudInitError(verdict(status, found), REMEDY)


def errors_of(status: dict[str, Any]) -> Iterator[str]:
    """Each once: newer versions tell them for the whole and again for their stage."""
    stages = [stage for stage in status.values() if isinstance(stage, dict)]
    told = [error for part in (status, *stages) for error in part.get("errors") or []]
    yield from (str(error) for error in dict.fromkeys(map(str, told)))


def verdict(status: dict[str, Any], found: list[str]) -> str:
    modules = dict.fromkeys(name for error in found if (name := module_of(error)))
    where = f" in module {', '.join(modules)}" if modules else ""
    why = "; ".join(_short(error) for error in found) or status.get("detail") or "it gave no reason"
    return f"cloud-init ended as {status.get('status', 'unknown')}{where}: {_short(why)}"


def module_of(error: str) -> str | None:
    found = _MODULE.search(error)
    return next((name for name in found.groups() if name), None) if found else None


def telling(log: str) -> list[str]:
    """The last lines that speak of a failure, in their order."""
    told = [line for line in log.splitlines() if _TELLING.search(line) and not _BESIDE.search(line)]
    lines = [line.strip() for line in told if not _SECRET.search(line)]
    return [_short(line) for line in dict.fromkeys(lines)][-LINES:]


def _log(host: Host) -> str:
    try:
        return host.run(["sudo", "-n", "tail", "-q", "-n", "400", LOG, OUTPUT], check=False).stdout
    except HostError as error:
        return f"the log cannot be read: failed: {error.message}"


def _short(text: str) -> str:
    return text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 1] + "…"

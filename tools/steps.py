"""The steps of the commands that must survive anything, in the order of a run: … stands for what the run fills in."""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

from bootstrap.operations.redeploy.table import FORWARD

# an undisturbed replacement; of what a failure makes of it, tests/unit/operations tells
_REPLACEMENT = tuple(f"{step.action.value.replace('_', ' ')}: {step.comment}" for step in FORWARD if step.action)

STEPS = {
    "create": (
        "settings, account, size, image and deployment",
        "spaces bucket …",
        "ssh key, vpc and firewall",
        "data volume of … GiB",
        "droplet … deleted",
        "droplet … from image …",
        "power on …",
        "first contact with … over its pinned host key",
        "cloud-init",
        "host key of user-data replaced",
        "reserved ip",
        "reserved ip … to …",
        "records of … to …",
        "data volume mounted",
        "secrets delivered over ssh",
        "backup … restored",
        "stack up and healthy",
        "names lead to the reserved ip, and a certificate is allowed",
        "certificate",
        "timers for backups and renewal",
        "health gate: https://… from outside",
    ),
    "backup now": ("backup of databases and media to Spaces",),
    "destroy": (
        "records and reserved ip …",
        "droplet …",
        "data volume … and its snapshots",
        "backups under …",
        "tags and firewall",
    ),
    "redeploy": _REPLACEMENT,
    "rollback": _REPLACEMENT,
}
ONLY_WHEN = {
    "droplet … deleted": "when its cloud-init had failed",
    "power on …": "when the droplet was off",
    "reserved ip … to …": "when the address was kept and the droplet is a new one",
    "backup … restored": "with `--from-backup`",
}
_PACKAGE = Path(__file__).resolve().parents[1] / "bootstrap"
# the replacement's are in its table
SOURCES = {
    "create": (
        "operations/create/plan.py",
        "operations/create/run.py",
        "operations/create/records.py",
        "deployment/machine.py",
    ),
    "backup now": ("operations/backup.py",),
    "destroy": ("operations/destroy.py",),
}


def in_source(command: str) -> set[str]:
    trees = [ast.parse((_PACKAGE / source).read_text()) for source in SOURCES[command]]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {_text(call.args[0]) for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "step"}


def _text(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in argument.values)
    assert isinstance(argument, ast.Constant), "a step's text is a string"
    return str(argument.value)


def named(said: str) -> str:
    """The step that a progress line tells of; the one with most words of its own, as … takes anything. One of the way
    back is as it is said."""

    def says(name: str) -> bool:
        return bool(re.fullmatch(".+".join(map(re.escape, name.split("…"))), said))

    return max(filter(says, chain(*STEPS.values())), key=lambda name: len(name.replace("…", "")), default=said)

"""docs/token.md, from `bootstrap.deployment.rights`: `make docs`. A test keeps it in step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bootstrap.deployment import rights

PAGE = Path(__file__).resolve().parents[1] / "docs" / "token.md"
_VERBS = ("read", "create", "update", "delete")
_HEAD = """\
# What the token must be allowed

Made from `bootstrap/deployment/rights.py` by `make docs`. A token with full access may do all of it. One with *custom
scopes* needs those of the commands that are used; `doctor` asks for all of them.

| command | read | create | update | delete |
|---|---|---|---|---|
"""
_TAIL = """
The last rows are for the uptime check and, with `alerts.metrics_agent`, the alert policies, for the snapshots of a
volume that a rollback with data replaced, for the deletion of bases that no bake starts from any more, and for the
images that `destroy` leaves: a token without them does the rest; so these are the ones that no command insists on.

What Packer asks for is in the row of `image build`. DigitalOcean's control panel adds further scopes to those that are
ticked (`regions:read`, `sizes:read`, `actions:read` and `image:read` to every `droplet:…`); they do no harm. Where its
document says that either of two will do, such as `domain:update` or `domain:delete` for a record, the table has the one
that another command needs anyway. `create` on a deployment that is complete does without `…:create`, `tag:create`
excepted.

The scopes are those of DigitalOcean's `openapi.json` (7c1300c); what is tagged has to be changed as well
(`droplet:update`, `image:update`), as its text says. `tests/contract/cloud/test_rights.py` records what every command
asks of the API and holds this table against it, and lets every command run with a token of exactly these scopes.

## How a command knows

Before it makes or deletes anything, each command asks for every scope in its row, those excepted that no command
insists on; *status, logs, ssh, mail* and *image list, image prune* make nothing and ask nothing. What is lacking is
told in one line, all of it (exit code 3).

DigitalOcean has no documented way to ask for a token's scopes. So:

1. `GET https://cloud.digitalocean.com/v1/oauth/token/info` is asked, as DigitalOcean's own client does at `doctl auth
   init`. When it tells of the scope `write`, the token has full access and nothing more is asked. Anything else, no
   answer among it, says nothing.
2. Otherwise each scope is tried with one request that can only be refused, eight at a time: with 403 without the scope,
   else with 404 or 422. They name an id that no count reaches (2^53 - 1), a UUID that was never given, `192.0.2.1`,
   `bootstrap.invalid`, or nothing at all; no tag is deleted, and nothing is sent that could make something.

Assumed, and not tried on an account: that DigitalOcean looks at a token's scopes before it looks for what a request
names. If it did not, a missing scope would be told later, by the request that needs it; if it refused with 403 what is
not there, a token with custom scopes would be refused although it is right, and one with full access would not.
The API's limit is 250 requests a minute: `create` with such a token takes 28 of them for this.
"""


def page() -> str:
    rows = [_row(command, scopes) for command, scopes in rights.COMMANDS.items()]
    rows += [_row(f"{command}: done without", scopes) for command, scopes in rights.EXTRAS.items()]
    return _HEAD + "".join(rows) + _TAIL


def _row(command: str, needed: Sequence[str]) -> str:
    scopes = sorted(scope.split(":") for scope in needed)
    cells = [", ".join(resource for resource, verb in scopes if verb == wanted) or "-" for wanted in _VERBS]
    return f"| {command} | {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())

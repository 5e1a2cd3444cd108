"""What the operator's own programs and the chat hear of a command that changes the deployment.

`pre-…` may stop it; the others only hear of it, and their failure is a warning. docs/everyday.md has the list.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bootstrap.cli.context import Context
from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from bootstrap.settings import Settings

PRE_BUILD, PRE_DEPLOY, POST_DEPLOY, FAILED, BACKUP_FAILED = (
    *("pre-build", "pre-deploy", "post-deploy"),
    *("failed", "backup-failed"),
)
HOOKS = {
    PRE_BUILD: "before `image build` and `deploy` look whether an image is due: it may make files that go in",
    PRE_DEPLOY: "before `create`, `deploy`, `redeploy` or `rollback` changes anything, after the image is there",
    POST_DEPLOY: "after one of them went well",
    FAILED: "after one of them failed, `deploy`'s bake and a `pre-` hook included",
    BACKUP_FAILED: "after `backup now` failed",
}
# fact → what it is
FACTS = {
    "BOOTSTRAP_HOOK": "which hook it is",
    "BOOTSTRAP_COMMAND": "`create`, `preview create`, `deploy`, `redeploy`, `rollback`, `image build` or `backup now`",
    "BOOTSTRAP_CLOUD": "`digitalocean` or `local`",
    "BOOTSTRAP_ENVIRONMENT": "that of `-e`, which a `bootstrap` of the hook follows; none without",
    "BOOTSTRAP_DOMAIN": "the site's name; none of `image build`",
    "BOOTSTRAP_NAMES": "all of its names, with spaces between",
    "BOOTSTRAP_STACK": "the stack's folder",
    "BOOTSTRAP_BY": "who runs the command, as `user@computer`",
    "BOOTSTRAP_IMAGE": "the image's name, once it is known",
    "BOOTSTRAP_ADDRESS": "`post-deploy`: the reserved IP",
    "BOOTSTRAP_SECONDS": "how long it took so far",
    "BOOTSTRAP_ERROR": "`failed` and `backup-failed`: the error's line",
    "BOOTSTRAP_EXIT_CODE": "the same: with what the command will end",
}


@dataclass
class Around:
    """Of one command. `facts` grow as they become known."""

    context: Context
    settings: Settings
    facts: dict[str, str]
    _began: float = field(default_factory=time.monotonic)

    def know(self, **facts: str | None) -> None:
        self.facts |= {f"BOOTSTRAP_{name.upper()}": value for name, value in facts.items() if value is not None}

    def before(self, hook: str) -> None:
        """BootstrapError when it says no."""
        self._run(hook)

    def after(self, hook: str) -> None:
        try:
            self._run(hook)
        except BootstrapError as error:
            self.context.console.warn(error.message)

    def tell(self, event: str, text: str) -> None:
        from bootstrap.adapters.webhook import post
        from bootstrap_agent.contract.chat import message

        url = self.context.webhook_url
        if not url:
            return
        plain = {name.removeprefix("BOOTSTRAP_").lower(): value for name, value in self._now().items()}
        problem = post(url, message(f"{self.settings.domain}: {text}", event, plain))
        if problem:
            self.context.console.warn(f"the chat's webhook was not reached: {problem}")

    def _run(self, hook: str) -> None:
        # one that calls bootstrap again hears no more of that
        if "BOOTSTRAP_HOOK" in os.environ:
            return
        from bootstrap.adapters.hooks import Hooks

        folder = self.context.config.parent / "hooks"
        hooks = Hooks(folder, self.settings.hook_timeout_s, self.context.console)
        hooks.run(hook, {**self._now(), "BOOTSTRAP_HOOK": hook})

    def _now(self) -> dict[str, str]:
        return {**self.facts, "BOOTSTRAP_SECONDS": f"{time.monotonic() - self._began:.1f}"}


@contextmanager
def around(context: Context, settings: Settings, command: str, *, failed: str = FAILED) -> Iterator[Around]:
    """Hears how the block ends. Who is interrupted runs the command again: that is no failure."""
    here = Around(context, settings, facts(context, settings, command))
    try:
        yield here
    except Exception as error:
        from bootstrap.cli.crash import redact

        known = isinstance(error, BootstrapError)
        said = redact(error.message if isinstance(error, BootstrapError) else type(error).__name__)
        here.know(error=said, exit_code=str(error.exit_code if isinstance(error, BootstrapError) else 1))
        here.after(failed)
        here.tell(failed, f"{command} failed: {said}" if known else f"{command} ended unexpectedly: {said}")
        raise


@contextmanager
def changing(context: Context, settings: Settings, command: str) -> Iterator[Around]:
    """The same of a command that only changes the deployment: `pre-deploy`, then the block, then `post-deploy`."""
    with around(context, settings, command) as here:
        here.before(PRE_DEPLOY)
        yield here
    deployed(here)


def deployed(here: Around) -> None:
    here.after(POST_DEPLOY)
    image = here.facts.get("BOOTSTRAP_IMAGE")
    seconds = float(here._now()["BOOTSTRAP_SECONDS"])
    by = here.facts["BOOTSTRAP_BY"]
    here.tell("deployed", f"{here.facts['BOOTSTRAP_COMMAND']} by {by}: {image or 'done'}, {seconds:.0f} s")


def facts(context: Context, settings: Settings, command: str) -> dict[str, str]:
    from bootstrap.deployment.recorder import whoever
    from bootstrap.settings.layers import name_of, naming

    # an image belongs to no domain
    site = {} if command == "image build" else {"DOMAIN": settings.domain, "NAMES": " ".join(settings.names)}
    over = context.over or naming(context.config, settings.domain)
    environment = {"ENVIRONMENT": name_of(context.config, over)} if over else {}
    return {
        **{f"BOOTSTRAP_{name}": value for name, value in (environment | site).items()},
        "BOOTSTRAP_COMMAND": command,
        "BOOTSTRAP_CLOUD": context.cloud_name,
        "BOOTSTRAP_STACK": str(settings.stack),
        "BOOTSTRAP_BY": whoever(),
    }

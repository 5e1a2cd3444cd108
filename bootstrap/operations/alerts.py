"""`bootstrap alerts`: what the droplet found wrong, and a test of who hears of it."""

from __future__ import annotations

from bootstrap.deployment import remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, NotFoundError, UsageError
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import A, Command


def listing(env: Environment) -> answers.Alerts:
    """By the droplet's latest check, which is some minutes old at most."""
    return _ask(env, answers.ALERTS_LIST)


def send_test(env: Environment) -> answers.AlertsTested:
    """NotFoundError when there is nobody to tell, HostError when somebody is not reached."""
    with env.progress.step("a test by mail, chat and ping"):
        done = _ask(env, answers.ALERTS_TEST)
    wrong = [f"by mail: {done.mail_problem}"] if done.mail_problem else []
    wrong += [f"by ping: {done.ping_problem}"] if done.ping_problem else []
    wrong += [f"in the chat: {done.chat_problem}"] if done.chat_problem else []
    if wrong:
        raise HostError(f"the test did not arrive {'; '.join(wrong)}", "bootstrap doctor says what is wrong with mail")
    if done.mail is None and done.pinged is None and done.chat is None:
        raise NotFoundError(
            f"the droplet of {env.settings.domain} has nobody to tell",
            "set `alerts: {email: …}` and redeploy, or ALERTS_PING_URL and run `bootstrap create`; docs/operations.md",
        )
    return done


def _ask(env: Environment, command: Command[A]) -> A:
    with remote.live(env) as host:
        try:
            return remote.agent(host, command)
        except UsageError:
            remedy = "bootstrap image build, then bootstrap redeploy"
            raise HostError("the agent on the droplet is too old to know alarms", remedy) from None

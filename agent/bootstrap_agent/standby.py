"""The droplet that takes over waits for the volume before it comes: what a command needs to begin is done by then.

A unit of its own waits, without the lock, and takes over when the device is there, whoever may still ask for it. The
command `takeover` waits for that and tells how it went; where nobody stands by, it takes over itself.
"""

from __future__ import annotations

from bootstrap_agent import hold, takeover
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import errors, form, paths
from bootstrap_agent.contract.answers import StandingBy, TakenOver, TakeoverTold
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.lock import exclusive
from bootstrap_agent.run import note, run
from bootstrap_agent.waiting import until

UNIT = "bootstrap-standby.service"
# a replacement that was given up; the next one begins anew
WAIT_S = 3600
TAKEOVER_S = 600
# visitors wait here, and whoever would ask for it once more may be gone
AGAIN = ("Restart=on-failure", "RestartSec=10")


def begin() -> StandingBy:
    """Again: the one before stands by no more. Whoever comes here before the data waits; also when they never come, as
    the address may be here still."""
    end()
    paths.TAKEOVER.unlink(missing_ok=True)
    hold.hold()
    unit = ["--quiet", "--collect", f"--unit={UNIT}", *(f"--property={one}" for one in ("RuntimeMaxSec=5000", *AGAIN))]
    run(["systemd-run", *unit, str(paths.AGENT), "standby", "wait"])
    return StandingBy(True, holds=True)


def end() -> StandingBy:
    """No-op where none stands by; what it has begun is left half-way, for `stack down`."""
    run(["systemctl", "--quiet", "stop", UNIT], check=False)
    return StandingBy(False)


def wait(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> StandingBy:
    """Fails as the takeover does, which others are told in a file; the unit then tries again, until `end`."""
    takeover.warm_up(compose)
    device = paths.device_of(deployment.volume)
    late = errors.HostError(f"{device.name} did not appear within {WAIT_S} s")
    try:
        until(device.exists, timeout_s=WAIT_S, pause_s=0.03, late=lambda: late)
    except errors.HostError as error:
        note(f"{error.message}: nobody stands by any more")
        return StandingBy(False)
    try:
        with exclusive("takeover"):
            taken = takeover.take_over(release, deployment, x, compose)
    except errors.BootstrapError as error:
        _tell(TakeoverTold(None, error.message, error.exit_code))
        raise
    _tell(TakeoverTold(taken))
    return StandingBy(False)


def _tell(told: TakeoverTold) -> None:
    write_atomic(paths.TAKEOVER, form.encode(told).encode(), 0o600)


def take_over(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> TakenOver:
    def over() -> bool:
        return paths.TAKEOVER.exists() or run(["systemctl", "--quiet", "is-active", UNIT], check=False).code != 0

    late = errors.HostError(f"the takeover did not end within {TAKEOVER_S} s")
    until(over, timeout_s=TAKEOVER_S, pause_s=0.05, late=lambda: late)
    if paths.TAKEOVER.exists():
        told = form.decode(paths.TAKEOVER.read_text(), TakeoverTold)
        # once: whoever asks again wants it done again
        paths.TAKEOVER.unlink()
        if told.taken is not None:
            return told.taken
        kinds = {kind.exit_code: kind for kind in errors.BootstrapError.__subclasses__()}
        raise kinds.get(told.exit_code, errors.HostError)(told.problem)
    with exclusive("takeover"):
        return takeover.take_over(release, deployment, x, compose)

"""deployment.json, written anew when settings changed after the droplet was made. None of it is secret."""

from __future__ import annotations

from pathlib import Path

from bootstrap_agent.contract import form, paths
from bootstrap_agent.contract.answers import Written
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import ConflictError, HostError
from bootstrap_agent.files import write_atomic


def put(text: str, now: Deployment) -> Written:
    """ConflictError for what a droplet keeps as long as it lives: whose it is, and its volume."""
    try:
        wanted = form.decode(text, Deployment)
    except form.FormError as error:
        raise HostError(f"deployment put: stdin must be deployment.json: {error}") from None
    if (wanted.key, wanted.domain, wanted.volume) != (now.key, now.domain, now.volume):
        raise ConflictError(f"this droplet is {now.domain}'s and stays so", "bootstrap create makes another one")
    if wanted.acme.ca_file and not Path(wanted.acme.ca_file).exists():
        raise ConflictError("the authority's own certificate comes with a new droplet only", "bootstrap redeploy")
    if wanted == now:
        return Written(())
    write_atomic(paths.DEPLOYMENT, form.encode(wanted, indent=2).encode(), 0o644)
    return Written((str(paths.DEPLOYMENT),))

"""The domain's names as its authority tells them: the certificate authority asks the same servers."""

from __future__ import annotations

import time

from bootstrap.errors import HostError
from bootstrap.operations.environment import Environment

DNS_S = 120


def wait_until_they_lead_to(env: Environment, address: str) -> None:
    for name in env.settings.names:
        deadline, last = time.monotonic() + DNS_S, "no answer"
        while True:
            try:
                found = env.names.addresses(name)
                if found == [address]:
                    break
                last = f"it says {', '.join(found) or 'nothing'}"
            except HostError as error:
                last = error.message
            if time.monotonic() > deadline:
                raise HostError(
                    f"{name} does not lead to {address} after {DNS_S} s: {last}",
                    "delegate the domain to ns1.digitalocean.com, ns2 and ns3 at your registrar, then run again",
                )
            time.sleep(1)

"""The health gate from within, for a machine that no visitor reaches: the same paths, over HTTPS, by the site's name.
Whose certificate it is does not matter here: nobody's browser asks."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

from bootstrap_agent.contract.answers import Gate, GateCheck
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import UnhealthyError
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.waiting import until

PATIENCE_S = 90.0
ANSWER_S = 10.0
# an answer within so long waited behind nobody; so often in a row, as visitors come in waves
AT_ONCE_S, IN_A_ROW = 0.25, 3


def ask(deployment: Deployment, x: XBootstrap, patience_s: float = PATIENCE_S) -> Gate:
    """Waits until every path answers 200; what still does not after `patience_s` has a problem."""
    found: tuple[GateCheck, ...] = ()

    def well() -> bool:
        nonlocal found
        found = tuple(GateCheck(path, problem(deployment.domain, path)) for path in x.health)
        return all(check.problem is None for check in found)

    # what is still wrong is the answer
    with suppress(TimeoutError):
        until(well, timeout_s=patience_s, pause_s=1, late=TimeoutError)
    return Gate(found)


def wait(domain: str, paths: Sequence[str], patience_s: float) -> None:
    """Returns as soon as every path answers 200: visitors wait for it. UnhealthyError with what the last one said."""
    left, wrong = list(paths), ""

    def well() -> bool:
        nonlocal wrong
        while left:
            if (why := problem(domain, left[0])) is not None:
                wrong = f"{left[0]}: {why}"
                return False
            left.pop(0)
        return True

    until(well, timeout_s=patience_s, pause_s=0.05, late=lambda: UnhealthyError(f"{wrong}, for {patience_s:.0f} s"))


def calm(domain: str, paths: Sequence[str], at_most_s: float) -> None:
    """Returns once those who waited have their answers: every path answers at once, several times in a row. At the
    latest after `at_most_s`, as it may be busy for ever."""
    in_a_row = 0

    def well() -> bool:
        nonlocal in_a_row
        for path in paths:
            began = time.monotonic()
            if problem(domain, path) is not None or time.monotonic() - began > AT_ONCE_S:
                in_a_row = 0
                return False
        in_a_row += 1
        return in_a_row >= IN_A_ROW

    with suppress(TimeoutError):
        until(well, timeout_s=at_most_s, pause_s=0.1, late=TimeoutError)


def problem(domain: str, path: str, address: tuple[str, int] = ("127.0.0.1", 443)) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        plain = socket.create_connection(address, timeout=ANSWER_S)
        with plain, context.wrap_socket(plain, server_hostname=domain) as tls:
            connection = http.client.HTTPConnection(domain)
            connection.sock = tls
            connection.request("GET", path)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    return None if status == 200 else f"status {status}"

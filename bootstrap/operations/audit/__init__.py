"""How hard a deployment is to break into, as other people's tools see it, and why what they find is left.

From here: ssh-audit and testssl.sh, against the reserved IP. On the droplet, over the pinned connection: Lynis, and
what docker-bench-security checks.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from bootstrap.deployment import find, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError
from bootstrap.operations.audit import docker, inspection, lynis, reasons, ssh, tls
from bootstrap.operations.audit.report import AuditReport, ToolResult
from bootstrap.ports.host import Host
from bootstrap.ports.scanners import Scanners

TOOLS = reasons.TOOLS


def audit(env: Environment, scanners: Scanners, tools: Collection[str] = TOOLS) -> AuditReport:
    # before minutes go into it
    known = reasons.load(env.settings.audit_reasons)
    deployment, live = find.find_live(env)
    if deployment.reserved_ip is None:
        raise HostError(f"{env.settings.domain} has no reserved ip", "bootstrap create completes it")
    address = deployment.reserved_ip.ip
    chosen = [tool for tool in TOOLS if tool in tools]
    with (
        env.progress.step(f"audit with {', '.join(chosen)}"),
        closing(remote.connect(env, live)) as host,
        ThreadPoolExecutor() as pool,
    ):
        # Those outside run beside the others: testssl.sh mostly waits.
        outside = [pool.submit(_outside, tool, env, scanners, address) for tool in chosen]
        rehearsal = inspection.is_rehearsal(host)
        inside = [_inside(tool, host) for tool in chosen]
        parts = [part or future.result() for part, future in zip(inside, outside, strict=True)]
    found = [part for part in parts if part]
    return reasons.explain(env.settings.domain, rehearsal, found, known)


def _inside(tool: str, host: Host) -> ToolResult | None:
    if tool == lynis.TOOL:
        return lynis.audit(host)
    return docker.audit(inspection.gather(host)) if tool == docker.TOOL else None


def _outside(tool: str, env: Environment, scanners: Scanners, address: str) -> ToolResult | None:
    if tool == ssh.TOOL:
        return ssh.read(scanners.ssh(address))
    if tool == tls.TOOL:
        return tls.read(scanners.tls(env.settings.domain, address, env.settings.acme.roots_file))
    return None

"""While the site is in maintenance, visitors are led to a page that says so; whoever may come in meets the stack.

The rule works before Docker's own, so it does not matter who holds 80 and 443: nothing of the stack is changed or
restarted. What was ordered lies on the data volume, and whoever mounts that follows it: a reboot and a new droplet keep
it, and `off` goes with it too.
"""

from __future__ import annotations

from ipaddress import ip_network

from bootstrap_agent.contract import form, paths, units
from bootstrap_agent.contract.answers import MaintenanceState
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note, run

# where the page answers; the machine's guard lets nobody in there who was not led there (packer/files/firewall.nft)
HTTP, HTTPS = 4180, 4143
_TABLE = "table inet bootstrap_maintenance"
_NONE = f"{_TABLE} {{}}\ndelete {_TABLE}\n"
# of the machine itself and of its containers none is a visitor
_LET_IN = """iifname { "lo", "docker0" } accept
        iifname "br-*" accept
        ip saddr @in4 accept
        ip6 saddr @in6 accept"""
_RULES = """{none}{table} {{
    set in4 {{ type ipv4_addr; flags interval; auto-merge; {in4} }}
    set in6 {{ type ipv6_addr; flags interval; auto-merge; {in6} }}
    chain new_connections {{
        type nat hook prerouting priority dstnat - 1; policy accept;
        {let_in}
        fib daddr type local tcp dport 80 redirect to :{http}
        fib daddr type local tcp dport 443 redirect to :{https}
    }}
{old}}}
"""
# connections from before: they begin anew, and are led away then
_OLD = """    chain old_to_containers {{
        type filter hook forward priority filter - 5; policy accept;
        {let_in}
        meta l4proto tcp ct status dnat ct original proto-dst {{ 80, 443 }} reject with tcp reset
    }}
    chain old_to_the_machine {{
        type filter hook input priority filter - 5; policy accept;
        {let_in}
        tcp dport {{ 80, 443 }} reject with tcp reset
    }}
"""


def state() -> MaintenanceState | None:
    """What was ordered; None where visitors come in."""
    try:
        return form.decode(paths.MAINTENANCE.read_text(), MaintenanceState)
    except FileNotFoundError:
        return None
    except form.FormError as error:
        # of a newer agent: visitors would come in, where somebody said that they must not
        note(f"{paths.MAINTENANCE}: {error}")
        return MaintenanceState.unreadable()


def order(wanted: MaintenanceState) -> None:
    write_atomic(paths.MAINTENANCE, form.encode(wanted, indent=1).encode(), 0o644)


def lead_away(wanted: MaintenanceState, *, old: bool) -> None:
    """New connections; `old`: also those that were there before."""
    run(["nft", "-f", "-"], stdin=rules(wanted.allow, old=old))
    paths.LED_AWAY.touch()


def rules(allow: tuple[str, ...], *, old: bool) -> str:
    networks = [ip_network(one, strict=False) for one in allow]
    return _RULES.format(
        none=_NONE,
        table=_TABLE,
        in4=_elements([str(one) for one in networks if one.version == 4]),
        in6=_elements([str(one) for one in networks if one.version == 6]),
        let_in=_LET_IN,
        http=HTTP,
        https=HTTPS,
        old=_OLD.format(let_in=_LET_IN) if old else "",
    )


def _elements(networks: list[str]) -> str:
    return f"elements = {{ {', '.join(networks)} }}" if networks else ""


def end() -> None:
    """Visitors come in."""
    paths.MAINTENANCE.unlink(missing_ok=True)
    _end_here()


def _end_here() -> None:
    run(["nft", "-f", "-"], stdin=_NONE)
    run(["systemctl", "--quiet", "stop", units.MAINTENANCE], check=False)
    paths.LED_AWAY.unlink(missing_ok=True)


def follow() -> None:
    """What the data volume says, once it is there. A site that cannot apologise is better than none: no error."""
    try:
        if (wanted := state()) is not None:
            run(["systemctl", "--quiet", "--no-block", "restart", units.MAINTENANCE])
            lead_away(wanted, old=True)
        elif paths.LED_AWAY.exists():
            _end_here()
    except (BootstrapError, OSError, ValueError) as error:
        note(f"maintenance: {error}")

"""The cloud's network. How the daemon uses it:

    net = Network("default", choose_range(home, wanted=None), home, Doors(tcp=(8080, …)))
    net.up()                                  # idempotent; at each start of the daemon
    net.range.service                         # all services of the local cloud listen on this address (the host has it)
    net.range.gateway, net.range.prefix       # for Interface(gateway=…, prefix=…) of eth0; eth1 has gateway None
    net.apply(NetworkPlan(guests=…, idle_reserved_ips=…))   # after every change, and BEFORE a machine starts
    net.flush_connections(reserved_ip)        # after a reserved IP moved or a firewall got tighter
    net.down()                                # machines stopped first

The metadata service listens on net.range.service, port net.doors.metadata: a guest's request to 169.254.169.254:80
arrives there with the droplet's own public address as its source.
"""

from localcloud.network.namespace import Network
from localcloud.network.plan import Doors, Guest, NetworkPlan, Rule
from localcloud.network.range import NetworkError, Range, choose_range

__all__ = ["Doors", "Guest", "Network", "NetworkError", "NetworkPlan", "Range", "Rule", "choose_range"]

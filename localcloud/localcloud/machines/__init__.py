"""Machines of the local cloud. How the daemon uses them:

    driver = NspawnDriver(home, network, cache)     # network: see ..network; cache: shared by all instances of a host
    driver.open()                                   # at each start of the daemon: mounts the pool, machines run on
    facts = driver.ensure_base()                    # images/ubuntu-22-04-x64: BaseImage(ref, is_stand_in, pretty_name)
    driver.ensure_base("builder")                   # only when asked: the same with Docker in it
    driver.create(spec, image); driver.start(spec)  # then as driver.py's MachineDriver says
    driver.close()                                  # `stop`: machines power off, disks stay
    driver.delete()                                 # `reset`: nothing is left; then network.down()

What a guest needs from ConfigDrive: `openstack/latest/{meta_data,network_data,vendor_data}.json` and `user_data`.
"""

from localcloud.machines.base import BASE, BUILDER, CACHE, BaseImage
from localcloud.machines.driver import MachineDriver, MachineError, MachineSpec
from localcloud.machines.nspawn import NspawnDriver
from localcloud.network.plan import Interface

__all__ = [
    "BASE",
    "BUILDER",
    "CACHE",
    "BaseImage",
    "Interface",
    "MachineDriver",
    "MachineError",
    "MachineSpec",
    "NspawnDriver",
]

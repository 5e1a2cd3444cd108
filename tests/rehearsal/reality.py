"""What the API tells against what this computer really runs: machines, disks, links, addresses, rules, names.

Everything is looked at from outside, with the tools of the host; no code of the local cloud is asked."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
import httpx

PROC = Path("/proc")


def said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


@dataclass
class Reality:
    """One cloud's share of the host, by its folder."""

    home: Path

    @property
    def namespace(self) -> str:
        return f"bc-{hashlib.sha256(str(self.home).encode()).hexdigest()[:8]}"

    def machines(self) -> dict[int, int]:
        """The machines that run: id → the pid of systemd-nspawn."""
        folder = f"--directory={self.home}/pool/machines/"
        return {
            int(word.removeprefix(folder)): pid
            for pid, words in _processes()
            for word in words
            if word.startswith(folder) and words[0] == "systemd-nspawn"
        }

    def daemons(self) -> list[int]:
        return [pid for pid, words in _processes() if "localcloud" in words and self._is_ours(pid, "serve")]

    def services(self) -> list[int]:
        return [pid for pid, _ in _processes() if self._has(pid, f"BOOTSTRAP_CLOUD_SERVICE_OF={self.home / 'run'}")]

    def _is_ours(self, pid: int, word: str) -> bool:
        return word in _words(pid) and self._has(pid, f"BOOTSTRAP_CLOUD_HOME={self.home}")

    @staticmethod
    def _has(pid: int, setting: str) -> bool:
        # it may end while it is looked at, or be none of root's business
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            return setting.encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        return False

    def disks(self, kind: str) -> set[str]:
        folder = self.home / "pool" / kind
        # systemd-nspawn keeps its locks beside the roots: `.#ID.lck`
        return {entry.name for entry in folder.iterdir() if entry.name[0] != "."} if folder.is_dir() else set()

    def loops(self) -> set[str]:
        """Volumes that are a device on this host; a deleted file's shows as such and agrees with nothing."""
        table = json.loads(said("losetup", "--json", "--list") or '{"loopdevices": []}')
        files = [device["back-file"] for device in table["loopdevices"]]
        return {file.rpartition("/")[2] for file in files if file.startswith(f"{self.home}/pool/")}

    def namespaces(self) -> set[str]:
        return {entry.name for entry in Path("/run/netns").glob(f"{self.namespace}*")}

    def links(self) -> set[str]:
        return set(re.findall(r"^((?:pub|vpc)\d+)", said("ip", "-n", self.namespace, "-br", "link"), re.M))

    def addresses(self, machine: int) -> set[str]:
        found = json.loads(said("ip", "-n", f"{self.namespace}-{machine}", "-4", "-j", "addr") or "[]")
        return {info["local"] for link in found for info in link.get("addr_info", []) if link["ifname"] != "lo"}

    @cached_property
    def rules(self) -> str:
        return said("ip", "netns", "exec", self.namespace, "nft", "list", "table", "ip", "cloud")

    def mounts(self) -> set[str]:
        found = said("findmnt", "--noheadings", "--raw", "--output", "TARGET").splitlines()
        return {target for target in found if target.startswith(f"{self.home}/")}

    def devices(self, nspawn: int) -> set[str]:
        """Names of the volumes that the machine sees."""
        children = (PROC / str(nspawn) / "task" / str(nspawn) / "children").read_text().split()
        folder = PROC / children[0] / "root" / "dev/disk/by-id"
        return {entry.name.removeprefix("scsi-0DO_Volume_") for entry in folder.glob("scsi-0DO_Volume_*")}

    def left(self) -> dict[str, object]:
        """Of a cloud that was stopped: nothing."""
        found = {
            "machines": self.machines(),
            "daemons": self.daemons(),
            "services": self.services(),
            "loops": self.loops(),
            "namespaces": self.namespaces(),
            "mounts": self.mounts(),
            "links": said("ip", "link", "show", "dev", f"{self.namespace}-h"),
            "tables": [line for line in said("nft", "list", "tables").splitlines() if self.namespace[3:] in line],
        }
        return {what: value for what, value in found.items() if value}


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (words := _words(int(entry.name))):
            yield int(entry.name), words


def _words(pid: int) -> list[str]:
    # a process may end while it is looked at
    with suppress(FileNotFoundError, ProcessLookupError):
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def everything(api: httpx.Client, path: str, name: str, **query: str) -> list[dict[str, Any]]:
    answer = api.get(path, params={"per_page": "200", **query})
    while answer.status_code == 429:
        time.sleep(int(answer.headers["retry-after"]))
        answer = api.get(path, params={"per_page": "200", **query})
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()[name]
    return rows


def disagreements(home: Path, api: httpx.Client, nameserver: str) -> list[str]:
    """One line for each thing that is not as the API tells."""
    real, complaints = Reality(home), list[str]()

    def same(what: str, told: object, found: object) -> None:
        if told != found:
            complaints.append(f"{what}: the API tells {told}, there is {found}")

    droplets = everything(api, "/v2/droplets", "droplets")
    ids = {droplet["id"] for droplet in droplets}
    active = {droplet["id"] for droplet in droplets if droplet["status"] == "active"}
    volumes = {volume["id"]: volume for volume in everything(api, "/v2/volumes", "volumes")}
    snapshots = everything(api, "/v2/snapshots", "snapshots")

    pending = [action for action in everything(api, "/v2/actions", "actions") if action["status"] == "in-progress"]
    same("actions under way", [], [(action["id"], action["type"]) for action in pending])
    same("states of droplets", set(), {droplet["status"] for droplet in droplets} - {"active", "off"})
    # one that has just become active shows none, for a moment
    same("droplets without addresses", [], [d["name"] for d in droplets if not d["networks"]["v4"]])
    if complaints:
        return complaints  # it is still moving: the rest would compare two moments
    same("daemons", 1, len(real.daemons()))
    same("services", len(list((home / "run").glob("*.json"))), len(real.services()))

    machines = real.machines()
    same("machines", active, set(machines))
    same("roots", {str(id) for id in ids}, real.disks("machines"))
    same("records of machines", {str(id) for id in ids}, {entry.name for entry in (home / "machines").glob("*")})
    images = {f"snapshot-{s['id']}" for s in snapshots if s["resource_type"] == "droplet"}
    same("images", images, {name for name in real.disks("images") if name.startswith("snapshot-")})
    same("volumes", {f"{id}.raw" for id in volumes}, real.disks("volumes"))
    copies = {f"{s['id']}.raw" for s in snapshots if s["resource_type"] == "volume"}
    same("volume snapshots", copies, real.disks("volume-snapshots"))
    attached = {id: volume for id, volume in volumes.items() if set(volume["droplet_ids"]) & active}
    same("loop devices", {f"{id}.raw" for id in attached}, real.loops())
    same("mounts", {str(home / "pool")}, real.mounts())

    same("namespaces", {real.namespace, *(f"{real.namespace}-{id}" for id in active)}, real.namespaces())
    same("links", {f"{kind}{id}" for id in active for kind in ("pub", "vpc")}, real.links())
    reserved = everything(api, "/v2/reserved_ips", "reserved_ips")
    moved = {row["ip"] for row in reserved}
    public = {}
    for droplet in droplets:
        own = {n["type"]: n["ip_address"] for n in droplet["networks"]["v4"] if n["ip_address"] not in moved}
        public[droplet["id"]] = own["public"]
        if droplet["id"] in machines:
            told = {*own.values(), _anchor(own["public"])}
            same(f"addresses of {droplet['name']}", told, real.addresses(droplet["id"]))
            names = {volume["name"] for volume in attached.values() if droplet["id"] in volume["droplet_ids"]}
            same(f"disks in {droplet['name']}", names, real.devices(machines[droplet["id"]]))

    pointed = {(row["ip"], _anchor(public[row["droplet"]["id"]])) for row in reserved if row["droplet"]}
    translated = set(re.findall(r"ip daddr ([\d.]+) dnat to ([\d.]+)$", real.rules, re.M))
    same("reserved addresses", pointed, {pair for pair in translated if pair[0] in moved})
    for droplet in droplets:
        guards = everything(api, f"/v2/droplets/{droplet['id']}/firewalls", "firewalls")
        chain = re.search(rf"chain in{droplet['id']} {{(.*?)}}\n", real.rules + "\n", re.S)
        same(f"{droplet['name']} has a firewall", bool(guards), chain is not None)
        told = {rule["ports"] for guard in guards for rule in guard["inbound_rules"]}
        same(f"open ports of {droplet['name']}", told, set(re.findall(r"dport (\S+)", chain[1])) if chain else set())

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [nameserver]
    for domain in everything(api, "/v2/domains", "domains"):
        for record in everything(api, f"/v2/domains/{domain['name']}/records", "domain_records", type="A"):
            name = domain["name"] if record["name"] == "@" else f"{record['name']}.{domain['name']}"
            same(name, record["data"], _resolved(resolver, name))
    return complaints


def _anchor(public: str) -> str:
    """Where traffic for a droplet's reserved IP arrives; the API tells nobody, its metadata do."""
    return f"10.17.0.{public.rpartition('.')[2]}"


def _resolved(resolver: dns.resolver.Resolver, name: str) -> str:
    try:
        return str(next(iter(resolver.resolve(name, "A", lifetime=3))))
    except (
        dns.resolver.NXDOMAIN,
        dns.resolver.NoAnswer,
        dns.resolver.LifetimeTimeout,
        dns.resolver.NoNameservers,
    ) as no:
        return type(no).__name__

"""What the cloud remembers: one frozen row per thing. Rows refer to each other by key; `database.py` keeps them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from localcloud.state.balancing import ForwardingRule, HealthCheck, LoadBalancerFirewall, StickySessions


class Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    @property
    def key(self) -> str:
        return str(self.id)  # type: ignore[attr-defined]


class SSHKey(Row):
    id: int
    name: str
    public_key: str
    fingerprint: str


class Image(Row):
    """`ref` is the machine driver's name of the root image; only base images have a slug. `region` is where it was
    taken (None: it is everywhere), `copies` are the regions that it was transferred to."""

    id: int
    ref: str
    name: str
    distribution: str
    slug: str | None = None
    description: str = ""
    created_at: str
    min_disk_size: int
    size_gigabytes: float
    region: str | None = None
    copies: tuple[str, ...] = ()
    droplet_id: int | None = None
    tags: tuple[str, ...] = ()

    def is_in(self, region: str) -> bool:
        return self.region in (None, region) or region in self.copies


class BackupPolicy(BaseModel):
    """When backups would be taken, in UTC; `weekday` only for the weekly plan."""

    model_config = ConfigDict(frozen=True)
    plan: str
    weekday: str | None = None
    hour: int


class Droplet(Row):
    """`image` is a copy: the image itself may be deleted while its droplets live on. `deleted` rows are gone for every
    reader of the API; they hold their addresses until the machine is really destroyed. `disk_gb` is set by a
    resize: one that keeps the disk leaves it smaller than the size's. One without `public_networking` holds its public
    address all the same; its machine has no interface for it. Until `busy_until` (seconds since 1970) it has an event
    that is no action of ours."""

    id: int
    name: str
    region: str
    size: str
    disk_gb: int | None = None
    image: Image
    created_at: str
    status: str = "new"
    public_ip: str
    private_ip: str
    ipv6: str | None = None
    vpc_uuid: str
    features: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    user_data: str = ""
    # that of the provider
    with_agent: bool = True
    backup_policy: BackupPolicy | None = None
    public_networking: bool = True
    busy_until: float = 0.0
    deleted: bool = False


class Volume(Row):
    id: str
    name: str
    region: str
    size_gigabytes: int
    description: str = ""
    created_at: str
    droplet_id: int | None = None
    filesystem_type: str = ""
    filesystem_label: str = ""
    tags: tuple[str, ...] = ()


class VolumeSnapshot(Row):
    """`size_gigabytes` is None until the copy is taken; until then no reader of the API sees it."""

    id: str
    name: str
    volume_id: str
    region: str
    created_at: str
    min_disk_size: int
    size_gigabytes: float | None = None
    filesystem_type: str = ""
    filesystem_label: str = ""
    tags: tuple[str, ...] = ()


class ReservedIP(Row):
    ip: str
    region: str
    droplet_id: int | None = None

    @property
    def key(self) -> str:
        return self.ip


class FirewallPeers(BaseModel):
    model_config = ConfigDict(frozen=True)
    addresses: tuple[str, ...] = ()
    droplet_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    load_balancer_uids: tuple[str, ...] = ()
    kubernetes_ids: tuple[str, ...] = ()


class FirewallRule(BaseModel):
    """`ports` as DigitalOcean returns it: "22", "8000-9000", or "0" for all."""

    model_config = ConfigDict(frozen=True)
    protocol: str
    ports: str
    peers: FirewallPeers


class Firewall(Row):
    id: str
    name: str
    created_at: str
    status: str = "waiting"
    inbound: tuple[FirewallRule, ...] = ()
    outbound: tuple[FirewallRule, ...] = ()
    droplet_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()


class LoadBalancer(Row):
    """`machine` is its place in the network, a number of the droplets' own, and it has both of a machine's addresses.
    A `deleted` one is gone for every reader of the API; it holds its addresses until its process has ended."""

    id: str
    name: str
    machine: int
    region: str
    vpc_uuid: str
    public_ip: str
    private_ip: str
    status: str = "new"
    created_at: str
    nodes: int = 1
    # when there were last made more or fewer of them
    sized_at: str
    algorithm: str = "round_robin"
    rules: tuple[ForwardingRule, ...]
    health: HealthCheck
    sticky: StickySessions
    firewall: LoadBalancerFirewall
    redirect_http_to_https: bool = False
    enable_proxy_protocol: bool = False
    enable_backend_keepalive: bool = False
    disable_lets_encrypt_dns_records: bool = False
    http_idle_timeout_seconds: int = 60
    tls_cipher_policy: str = "DEFAULT"
    droplet_ids: tuple[int, ...] = ()
    tag: str = ""
    deleted: bool = False


class Domain(Row):
    name: str
    ttl: int = 1800

    @property
    def key(self) -> str:
        return self.name


class DomainRecord(Row):
    id: int
    domain: str
    type: str
    name: str
    data: str
    ttl: int = 1800
    priority: int | None = None
    port: int | None = None
    weight: int | None = None
    flags: int | None = None
    tag: str | None = None


class Tag(Row):
    name: str

    @property
    def key(self) -> str:
        return self.name


class VPC(Row):
    id: str
    name: str
    region: str
    ip_range: str
    description: str = ""
    default: bool = False
    created_at: str


class Project(Row):
    id: str
    name: str
    description: str = ""
    purpose: str
    environment: str
    is_default: bool = False
    created_at: str
    updated_at: str


class Assignment(Row):
    """What was put into another project than the default one."""

    urn: str
    project_id: str
    assigned_at: str

    @property
    def key(self) -> str:
        return self.urn


class Slack(BaseModel):
    model_config = ConfigDict(frozen=True)
    channel: str
    url: str


class Recipients(BaseModel):
    """Whom an alert tells."""

    model_config = ConfigDict(frozen=True)
    email: tuple[str, ...] = ()
    slack: tuple[Slack, ...] = ()


class AlertPolicy(Row):
    """`standings`: of each droplet, for how many looks in a row it is beyond `value`, and whether somebody was told."""

    uuid: str
    type: str
    description: str
    compare: str
    value: float
    window: str
    entities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    alerts: Recipients
    enabled: bool
    standings: dict[str, tuple[int, bool]] = {}

    @property
    def key(self) -> str:
        return self.uuid


class UptimeCheck(Row):
    id: str
    name: str
    type: str
    target: str
    regions: tuple[str, ...]
    enabled: bool
    created_at: str


class UptimeState(Row):
    """What the probes of a check have seen; all of a check's regions are this computer."""

    id: str
    status: str
    changed_at: str
    probes: int = 0
    good: int = 0
    outage_began: str | None = None
    outage_ended: str | None = None


class UptimeAlert(Row):
    """`lasted`: for how many probes in a row what it watches holds; `firing`: somebody was told."""

    id: str
    check_id: str
    name: str
    type: str
    threshold: int | None = None
    comparison: str | None = None
    period: str
    notifications: Recipients
    lasted: int = 0
    firing: bool = False


class Demolition(Row):
    """A droplet destroyed together with what belonged to it: `resources` by kind, each with its id and name."""

    id: int
    name: str
    resources: dict[str, tuple[tuple[str, str], ...]]
    destroyed_at: str


class Action(Row):
    """`resource` is the key of what it is about, `droplet_id` the droplet it also keeps busy."""

    id: int
    type: str
    status: str = "in-progress"
    started_at: str
    completed_at: str | None = None
    resource_type: str
    resource: str
    droplet_id: int | None = None
    region: str


class Job(Row):
    """Work for the machine driver or the network: done by `work/worker.py`, deleted in the transaction that records its
    effect, so a job that is still here was not finished and is done again after a crash. Jobs that share one of
    `holds` run one after the other, in the order of their ids."""

    id: int
    kind: str
    holds: tuple[str, ...]
    args: dict[str, Any]
    action_id: int | None = None


class Counter(Row):
    name: str
    value: int

    @property
    def key(self) -> str:
        return self.name


KINDS: tuple[type[Row], ...] = (
    SSHKey,
    Image,
    Droplet,
    Volume,
    VolumeSnapshot,
    ReservedIP,
    Firewall,
    LoadBalancer,
    Domain,
    DomainRecord,
    Tag,
    VPC,
    Project,
    Assignment,
    AlertPolicy,
    UptimeCheck,
    UptimeState,
    UptimeAlert,
    Demolition,
    Action,
    Job,
    Counter,
)

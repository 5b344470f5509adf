"""A scenario after loading: a fleet of pods, and steps of changes and expectations.

Everything is expanded here: replicas are pods of their own, globs of files are manifests, truth tables are
rules. Namespaces are logical; a run maps them to namespaces of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from probe.model.cell import Expectation, Family, Fate, Protocol, Stated
from probe.model.errors import Location
from probe.model.watch import Budget

Manifest: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as the API's JSON has it."""

EXTERNAL = "external"
"""The reserved namespace of external endpoints in references: ``external/vault``."""

CLUSTER_DNS = "cluster/dns"
"""How rules and cells call the cluster's DNS service (path ``dns``): what a pod's ``resolv.conf`` names."""


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port that is served: ``80/TCP``, optionally with a container port name (``ContainerPort.name``)."""

    number: int
    protocol: Protocol = Protocol.TCP
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the fleet. ``group`` is the name in the file; replicas of one group are ``group-0``, ``group-1``...

    ``node`` is a symbol: pods with the same symbol share a node, different symbols get different nodes as far as
    the cluster has them. Without one the fleet's placement decides. ``host_network``: PodSpec.hostNetwork, so its
    address is its node's (path ``node-ip``); needs the run option of that name. ``grace_seconds``:
    PodSpec.terminationGracePeriodSeconds, for the whole of which the agent goes on; None: it ends when it is told to.
    ``address_of``: the id of an earlier pod whose address this one is to get, on the same node; only some clusters can
    do that.
    """

    namespace: str
    name: str
    group: str
    labels: Mapping[str, str]
    ports: tuple[Port, ...]
    node: str | None = None
    host_network: bool = False
    grace_seconds: int | None = None
    address_of: str | None = None

    @property
    def id(self) -> str:
        """``namespace/name``, logical: how cells and rules call the pod."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the fleet with its pods, by its logical name."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True)
class External:
    """An endpoint outside the cluster: one or more addresses (IPv4 or IPv6 literals) and the ports it serves."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]

    @property
    def id(self) -> str:
        """``external/name``: how cells and rules call the endpoint."""
        return f"{EXTERNAL}/{self.name}"


class Spread(enum.StrEnum):
    """Where pods without a node symbol go."""

    SPREAD = "spread"  # round robin over the nodes, so that there are same-node and cross-node pairs
    SAME = "same"  # all on one node
    DIFFERENT = "different"  # each on a node of its own; a cluster with fewer nodes is an error


@dataclass(frozen=True, slots=True)
class Placement:
    """How a fleet is placed. ``group`` names a group of nodes that the run's configuration defines (None: all)."""

    spread: Spread = Spread.SPREAD
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is deployed before the first step."""

    namespaces: tuple[Namespace, ...]
    externals: tuple[External, ...] = ()
    placement: Placement = Placement()

    @property
    def pods(self) -> tuple[Pod, ...]:
        """All pods, in file order."""
        return tuple(pod for namespace in self.namespaces for pod in namespace.pods)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object in a logical namespace. ``kind`` is lower case and singular: ``networkpolicy``, ``pod``.

    A namespace itself is ``ObjectRef("namespace", None, name)``; ``namespace`` is None for what is in none.
    """

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Apply:
    """Create or update one object (server-side apply). ``origin`` is the file it was written in."""

    manifest: Manifest
    origin: str

    @property
    def ref(self) -> ObjectRef:
        """What is applied."""
        meta = self.manifest["metadata"]
        return ObjectRef(str(self.manifest["kind"]).lower(), meta.get("namespace"), meta["name"])

    def __str__(self) -> str:
        return f"apply {self.ref}"


@dataclass(frozen=True, slots=True)
class Replace(Apply):
    """Delete one object and create it at once, without a moment between for anybody to notice (``kubectl replace
    --force``)."""

    def __str__(self) -> str:
        return f"replace {self.ref}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one object and wait until it is gone."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"delete {self.ref}"


@dataclass(frozen=True, slots=True)
class Label:
    """Set labels (value) or remove them (None) on a pod or a namespace of the fleet."""

    ref: ObjectRef
    labels: Mapping[str, str | None]

    def __str__(self) -> str:
        changes = (f"{key}-" if value is None else f"{key}={value}" for key, value in self.labels.items())
        return f"label {self.ref} {' '.join(changes)}"


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    """Create a namespace (its pods are created by ``CreatePod`` actions of their own)."""

    namespace: Namespace

    def __str__(self) -> str:
        return f"create namespace/{self.namespace.name}"


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create a pod and wait until its agent answers."""

    pod: Pod

    def __str__(self) -> str:
        return f"create pod/{self.pod.id}"


@dataclass(frozen=True, slots=True)
class Complete:
    """End a pod's containers and wait until it is over, as a job's pod is: the object stays, its address is free."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"complete {self.ref}"


@dataclass(frozen=True, slots=True)
class Terminate:
    """Begin to delete a pod, or a namespace, and wait for nothing: its pods go on in their grace period."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"terminate {self.ref}"


Action: TypeAlias = CreateNamespace | CreatePod | Label | Apply | Delete | Complete | Terminate


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an expectation; the last rule that matches a cell wins.

    ``sources`` and ``destinations`` are shell-style globs over ids (``production/*``, ``external/vault``) and match a
    pod's group as well as its name. ``ports`` are ``80/TCP``, ``80``, ``UDP``, a port's name, or a glob of these.
    ``paths`` are ways (``Cell.way``: ``cluster-ip/other-port``) or globs of them; a path alone means all of its ways.
    Empty means any. ``exact`` is set when both ends are written out without a glob: only then the rule also
    speaks of a pod's traffic to itself.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: tuple[str, ...]
    verdict: Stated
    location: Location | None = None
    exact: bool = False
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Established:
    """Connections that are opened before a step's changes and followed through them: those that ``rule`` matches (its
    verdict means nothing here). They are watched for at least ``seconds`` after the changes."""

    rule: Rule
    expect: Fate = Fate.EITHER
    seconds: float = 0.0


MOST_RACERS = 60
"""Pods of a start race."""


@dataclass(frozen=True, slots=True)
class StartRace:
    """Pods that are created when a step is confirmed, watched from their first instant on, and removed again.

    They are called ``name-0``, ``name-1``... in ``namespace``, and created ``at_once`` at a time. ``destinations`` are
    the pods and endpoints outside that they try, ``sources`` the pods that try them (ids). ``limit``: seconds of leak
    (or wait) that are accepted; None: any. ``relabel``: labels that they get once they run, from when on they are
    watched. ``reuse``: their addresses are to be such as others have just given up. ``seconds``: for how long they are
    watched.
    """

    name: str
    namespace: str
    pods: int
    labels: Mapping[str, str]
    ports: tuple[Port, ...]
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    expect: Expectation
    limit: float | None = None
    at_once: int = 60
    relabel: Mapping[str, str | None] = field(default_factory=dict)
    reuse: bool = False
    seconds: float = 2.0
    location: Location | None = None

    @property
    def racers(self) -> tuple[Pod, ...]:
        """The pods; more than ``pods`` where not every cluster gives the first ones addresses that were used before."""
        most = min(2 * self.pods, MOST_RACERS) if self.reuse else self.pods
        names = (f"{self.name}-{number}" for number in range(most))
        return tuple(Pod(self.namespace, name, self.name, self.labels, self.ports) for name in names)


@dataclass(frozen=True, slots=True)
class Watching:
    """How a scenario is watched over time, as far as nothing else is asked for.

    ``step``: the name of the one that is watched (None: the last). ``settle``: seconds that are watched after the
    command. ``rate``: attempts a second for each cell; ``max_load``: attempts and heartbeats a second in all, to which
    both give way. ``connections``: one is held to each allowed cell that any of these rules matches (their verdicts
    mean nothing here), with a ``heartbeat`` every so many seconds.
    """

    step: str | None = None
    settle: float = 30.0
    rate: float = 5.0
    max_load: float = 4000.0
    heartbeat: float = 0.2
    budget: Budget = field(default_factory=Budget)
    connections: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells are tried (``probe:``): globs as in rules, empty means all. ``families`` empty means all.

    ``paths`` are ways or globs of them, as in rules. Empty means what needs nothing but the fleet: ``pod-ip`` (or
    ``node-ip`` where the destination is on the host's network) and ``external``; the others are asked for by name.
    """

    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    protocols: tuple[Protocol, ...] = ()
    families: tuple[Family, ...] = ()
    include_self: bool = True
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Probe at once with ``attempt``, converge within ``converge``, confirm with ``confirm``.

    ``ready`` bounds the start of all pods, ``baseline`` the time until every pair has connected once. ``enforcement``:
    a cell that is not as expected so long after the acknowledgement is a mismatch, though it converge later. ``grace``:
    so long after it nothing at all may get through where a denial is expected. None: no limit but ``converge``.
    """

    ready: float = 120.0
    baseline: float = 15.0
    attempt: float = 0.4
    converge: float = 10.0
    confirm: float = 1.5
    enforcement: float | None = None
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Changes, and what is expected after them."""

    name: str
    actions: tuple[Action, ...]
    default: Stated
    rules: tuple[Rule, ...] = ()
    selection: Selection = Selection()
    description: str = ""
    location: Location | None = None
    established: tuple[Established, ...] = ()
    start_race: StartRace | None = None


_APART_BY_SUBJECT = frozenset({"clusternetworkpolicy"})
"""Kinds of which two policies do nothing to each other when no pod is a subject of both: of equal priorities the API
leaves open only what both match (ClusterNetworkPolicySpec.priority). Of AdminNetworkPolicies it leaves open what any
two with equal priorities do, and of BaselineAdminNetworkPolicies there can be but one."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One document of a scenario file, validated and expanded. ``fleet_file``: another one that its fleet is from.

    ``sources``: path -> SHA-256 (hexadecimal) of every file that it was read from, manifests included. ``watch``: how
    it is watched (None: nothing is said of it); a run takes no notice of it.
    """

    name: str
    fleet: Fleet
    steps: tuple[Step, ...]
    file: str
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    timeouts: Timeouts = Timeouts()
    fleet_file: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    watch: Watching | None = None

    @property
    def cluster_scoped(self) -> tuple[ObjectRef, ...]:
        """The objects outside of any namespace that its steps apply."""
        actions = (action for step in self.steps for action in step.actions)
        refs = (action.ref for action in actions if isinstance(action, Apply))
        return tuple(dict.fromkeys(ref for ref in refs if ref.namespace is None))

    @property
    def runs_alone(self) -> bool:
        """Whether no other scenario may run at the same time, since what it makes may reach beyond its own pods.

        Cluster-scoped policies do not if their kind is one that is told apart by subjects, which are narrowed down to a
        copy's own namespaces. Pods on the host's network have the nodes' ports.
        """
        actions = (action for step in self.steps for action in step.actions)
        created = (action.pod for action in actions if isinstance(action, CreatePod))
        kinds = {ref.kind for ref in self.cluster_scoped}
        return bool(kinds - _APART_BY_SUBJECT) or any(pod.host_network for pod in (*self.fleet.pods, *created))

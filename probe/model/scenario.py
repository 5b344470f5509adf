"""A scenario after loading: a fleet of pods, and steps of changes and expectations.

Everything is expanded here: replicas are pods of their own, globs of files are manifests, truth tables are
rules. Namespaces are logical; a run maps them to namespaces of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probe.model.actions import Action, Apply, CreatePod
from probe.model.cell import Expectation, Family, Fate, Protocol, Stated
from probe.model.errors import Location
from probe.model.fleet import Fleet, Pod, Port
from probe.model.manifest import ObjectRef
from probe.model.watch import Budget


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

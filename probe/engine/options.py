"""What a run may be told: how hard it probes, what it leaves behind, what its pods are like."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.cluster.placement import NodeGroups
from probe.engine.agents import Agents, Pace
from probe.model.agent_options import AgentOptions, NamespaceOptions
from probe.model.events import Event
from probe.model.known import KnownFailure
from probe.model.record import StepRecord

Hold: TypeAlias = Callable[[StepRecord, Agents, Callable[[Event], None]], Awaitable[None]]
"""What is done while the last step holds: gets its record, the agents, and who takes the scenario's events."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_run_id() -> str:
    """Six characters that may stand in a namespace's name (RFC 1123 label)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    ``agent`` and ``namespaces`` say what pods and namespaces are like. ``keep`` leaves the fleets in the cluster;
    ``exact_namespaces`` uses the scenario's namespace names as they are; ``kubectl`` is how repeat commands begin
    (``kubectl --context ...``; empty where the cluster is gone with the run). ``sample_nodes``: of a large cluster only
    so many nodes, chosen with ``seed``, one fleet for each pair of them. ``node_groups``: what scenarios' placements
    may name. ``externals``: addresses of agents outside of the cluster by endpoint name, in place of the scenarios'.
    ``allow_host_network``: scenarios may have pods on the host's network; ``allow_cluster_scoped``: they may apply
    cluster-scoped policies, if only about pods of their own. ``trust_scenarios``: where what they state cannot be what
    their policies say, the statement counts. ``repeat``: how often every scenario is run. ``removal_seconds``: how long
    the end of the run's namespaces is waited for. ``known_failures``: mismatches that do not count;
    ``strict_known_failures``: one that passes does. ``stop_after``: no further scenario is begun once so many have
    failed. ``lanes``: so many scenarios side by side at most (None: as many as are of use and have room). ``hold``:
    what is done between the last step and the closing control.
    """

    run: str = field(default_factory=new_run_id)
    agent: AgentOptions = field(default_factory=AgentOptions)
    namespaces: NamespaceOptions = field(default_factory=NamespaceOptions)
    pace: Pace = Pace()
    keep: bool = False
    exact_namespaces: bool = False
    kubectl: str = "kubectl"
    sample_nodes: int | None = None
    seed: int = 0
    node_groups: NodeGroups = field(default_factory=dict)
    externals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_host_network: bool = False
    trust_scenarios: bool = False
    repeat: int = 1
    allow_cluster_scoped: bool = False
    known_failures: tuple[KnownFailure, ...] = ()
    strict_known_failures: bool = False
    stop_after: int | None = None
    removal_seconds: float = 120.0
    hold: Hold | None = None
    lanes: int | None = None

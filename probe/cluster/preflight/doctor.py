"""All checks in order: the few that a run makes by itself, and those that ``doctor`` adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from probe.cluster import objects
from probe.cluster.api import Api, Json
from probe.cluster.nodes import Node, usable
from probe.cluster.objects import Owner
from probe.cluster.outfit import host_network_namespaces
from probe.cluster.plugins import find_plugins
from probe.cluster.preflight.admission import judge_dry_runs, judge_webhooks
from probe.cluster.preflight.demand import Demand, Fleet
from probe.cluster.preflight.execs import judge_exec
from probe.cluster.preflight.families import judge_families, judge_sctp
from probe.cluster.preflight.finding import Finding, Level
from probe.cluster.preflight.image import judge_image
from probe.cluster.preflight.look import Denied, Quick, Unseen, look_around, look_quickly
from probe.cluster.preflight.nodes import free_slots, judge_nodes, judge_slots
from probe.cluster.preflight.permissions import judge_permissions
from probe.cluster.preflight.plugins import judge_plugins
from probe.cluster.preflight.policies import judge_cluster_policies
from probe.cluster.preflight.quotas import judge_quotas
from probe.cluster.preflight.version import judge_version
from probe.model.agent_options import NamespaceOptions
from probe.model.fleet import Pod

SAMPLE_POD = Pod("doctor", "agent", "agent", {}, ())
_PAGES = 100


@dataclass(frozen=True, slots=True)
class QuickCheck:
    """What a run knows before it begins."""

    demand: Demand
    seen: Quick

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that pods can be placed on; none where they may not be listed."""
        return () if isinstance(self.seen.nodes, Unseen) else usable(self.seen.nodes, self.demand.agent)

    @property
    def free_slots(self) -> Mapping[str, int] | None:
        """How many more pods each node can take; None where nobody can tell."""
        return free_slots(self.seen.nodes, self.seen.pods)

    def findings(self, fleets: Iterable[Fleet] = (), user: str = "") -> list[Finding]:
        """Of permissions, nodes, slots for the fleets, plugins, image and exec."""
        seen = self.seen
        return [
            *judge_permissions(self.demand.permissions, seen.denied, user),
            *judge_nodes(seen.nodes, self.nodes, self.demand.agent),
            *(judge_slots(seen.nodes, seen.pods, fleets) if self.nodes else ()),
            *judge_plugins(seen.daemonsets, seen.nodes),
            *judge_cluster_policies(seen.policies, self.demand),
            *judge_image(seen.nodes, self.nodes, self.demand.agent),
            *([] if _lacks(seen.denied, "get pods/exec", "create pods/exec") else judge_exec(seen.exec_answer)),
        ]

    @property
    def network_plugins(self) -> list[str]:
        """What a record says of the network plugin; nothing where it may not be seen."""
        found = () if isinstance(self.seen.daemonsets, Unseen) else find_plugins(self.seen.daemonsets)
        return [str(plugin) for plugin in found]


async def quick(api: Api, demand: Demand) -> QuickCheck:
    """Look around as a run does, in the time of one or two requests. Raises ClusterError."""
    return QuickCheck(demand, await look_quickly(api, demand.permissions, policies=demand.cluster_scoped))


def problems(findings: Iterable[Finding]) -> list[Finding]:
    """Those that make a run impossible."""
    return [finding for finding in findings if finding.level is Level.PROBLEM]


async def examine(
    api: Api,
    demand: Demand,
    options: NamespaceOptions,
    fleets_on: Callable[[Sequence[Node]], Iterable[Fleet]],
    owner: Owner,
) -> list[Finding]:
    """Every check that creates nothing, in the order in which to read them. Raises ClusterError.

    ``fleets_on`` plans the scenarios on the usable nodes; ``owner`` labels what is created as a dry run.
    """
    namespace, pod = samples(demand, options, owner)
    check = QuickCheck(demand, await look_quickly(api, demand.permissions, _PAGES, demand.cluster_scoped))
    full = await look_around(api, namespace, pod)
    seen, nodes = check.seen, check.nodes
    fleets = tuple(fleets_on(nodes)) if nodes else ()
    findings = judge_version(full.version) + check.findings(fleets, full.user)
    findings += judge_families(seen.nodes, full.kubernetes_service, demand)
    findings += judge_sctp(demand)
    if not _lacks(seen.denied, "create namespaces", "create pods"):  # else nothing new is learnt
        findings += judge_dry_runs(full.dry_namespace, full.dry_pod)
    findings += judge_webhooks(full.webhooks, namespace, pod)
    findings += judge_quotas(full.quotas, full.limits, full.namespaces, demand)
    return findings


def _lacks(denied: Denied, *permissions: str) -> bool:
    """Whether one of these is known to be missing, or nothing is known."""
    return isinstance(denied, Unseen) or any(str(permission) in permissions for permission in denied)


def samples(demand: Demand, options: NamespaceOptions, owner: Owner) -> tuple[Json, Json]:
    """A namespace and an agent pod as a run makes them; of namespaces the kind that most clusters mind, if any is."""
    privileged = any(True for scenario in demand.scenarios for _ in host_network_namespaces(scenario))
    namespace = objects.namespace(f"cp-{owner.run}-doctor", "doctor", {}, owner, options, privileged=privileged)
    pod = objects.agent_pod(SAMPLE_POD, "default", None, demand.agent, owner)
    pod["metadata"]["name"] = f"cp-{owner.run}-doctor"
    return namespace, pod

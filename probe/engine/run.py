"""A whole run: scenarios one after the other, and the removal of everything they made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from probe.cluster.api import Api
from probe.cluster.facts import cluster_facts
from probe.cluster.nodes import Node
from probe.cluster.outfit import prepare_outfit
from probe.cluster.placement import nodes_for, sample_pairs
from probe.cluster.preflight.demand import demand_of
from probe.cluster.preflight.doctor import quick
from probe.engine.known import KnownFailures
from probe.engine.leftovers import Leftovers
from probe.engine.liveness import WITNESS_NAMESPACE, needs_witness
from probe.engine.options import RunOptions
from probe.engine.preconditions import check_scenarios
from probe.engine.preflight import fleet_demands, is_possible, notice
from probe.engine.scenario_run import ScenarioRun
from probe.engine.stopping import Stopping
from probe.engine.unserved import missing_kinds
from probe.model.errors import UsageError
from probe.model.events import Event, Noticed, RunStarted, StoppedEarly
from probe.model.scenario import CreateNamespace, Scenario
from probe.model.syntax import DNS_SUBDOMAIN_MAX

_MAX_NAME = 63
"""Longest name of a namespace (RFC 1123 label)."""


async def run_scenarios(
    api: Api, scenarios: Sequence[Scenario], options: RunOptions, emit: Callable[[Event], None]
) -> None:
    """Run the scenarios in order and clean up, also when cancelled. What happened is in the events.

    Raises UsageError before anything is created when names do not fit; ClusterError when the cluster can't be asked.
    What would make the run impossible is told before anything is created, too: every reason is a ``ProblemSeen``.
    """
    started = datetime.now(UTC).isoformat()
    check_scenarios(scenarios, options)
    check = await quick(api, demand_of(scenarios, options.agent))
    if not is_possible(check, (), emit):
        return
    nodes = check.nodes
    fleets = tuple(plan_fleets(scenarios, nodes, options))
    prefixes = [prefix_of(index, len(fleets), options) for index in range(len(fleets))]
    names = [map_namespaces(fleet.scenario, prefix, options) for fleet, prefix in zip(fleets, prefixes, strict=True)]
    used = {node.name for fleet in fleets for node in fleet.nodes}
    outfit = await prepare_outfit(api, options.agent, options.namespaces)
    facts, pace = await cluster_facts(api, used), options.pace
    facts.network_plugins = check.network_plugins
    emit(RunStarted(options.run, started, facts, len(fleets), pace.rate, pace.in_flight, options.keep))
    if options.sample_nodes is not None:
        fewer = f" (--nodes asks for {options.sample_nodes})" if options.sample_nodes > len(nodes) else ""
        chosen = f"{len(used)} of {len(nodes)} usable nodes{fewer}, by --seed {options.seed}"
        emit(Noticed(f"{chosen}: {', '.join(sorted(used))}"))
    notice(check, emit)
    if not is_possible(check, fleet_demands(fleets), emit):
        return
    known, stopping = KnownFailures(options.known_failures, options.strict_known_failures), Stopping(options.stop_after)
    leftovers = Leftovers(api, options, emit, kinds=check.seen.policies.served & check.demand.cluster_scoped)
    try:
        for index, (fleet, namespaces, prefix) in enumerate(zip(fleets, names, prefixes, strict=True)):
            if stopping.is_due:
                emit(StoppedEarly(tuple(fleet.scenario.name for fleet in fleets[index:])))
                break
            leftovers.made += namespaces.values()
            missing = missing_kinds(fleet.scenario, check.seen.policies.served)
            tell = known.watching(fleet.scenario.name, fleet.repeat, stopping.watching(emit))
            try:
                await ScenarioRun(
                    api, fleet.scenario, namespaces, fleet.nodes, outfit, options, tell, fleet.repeat, prefix, missing
                ).run()
            finally:
                await leftovers.remove(wait=options.exact_namespaces)
    finally:
        if options.known_failures:
            emit(known.result())
        await leftovers.remove(wait=True)


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """A scenario, the nodes that one fleet of it is placed on, and for the how manieth time that is, from 1."""

    scenario: Scenario
    nodes: tuple[Node, ...]
    repeat: int = 1


def plan_fleets(scenarios: Sequence[Scenario], nodes: Sequence[Node], options: RunOptions) -> Iterator[PlannedFleet]:
    """One fleet a scenario, or one for each pair of sampled nodes; all of them as often as asked for.

    Raises UsageError, ClusterError for node groups.

    A scenario that runs on several pairs has their names in its own, so that results can be told apart.
    """
    for repeat in range(1, options.repeat + 1):
        for scenario in scenarios:
            for each in _fleets_of(scenario, nodes, options):
                yield replace(each, repeat=repeat)


def _fleets_of(scenario: Scenario, nodes: Sequence[Node], options: RunOptions) -> Iterator[PlannedFleet]:
    candidates = nodes_for(scenario.fleet.placement, nodes, options.node_groups)
    if options.sample_nodes is None:
        yield PlannedFleet(scenario, candidates)
        return
    for pair in sample_pairs(candidates, options.sample_nodes, options.seed):
        name = f"{scenario.name}@{'+'.join(node.name for node in pair)}"
        yield PlannedFleet(replace(scenario, name=name), pair)


def prefix_of(index: int, scenarios: int, options: RunOptions) -> str:
    """What the actual names of a scenario's objects begin with, of namespaces and of what is in none."""
    return f"cp-{options.run}-" if scenarios == 1 else f"cp-{options.run}-{index + 1}-"


def map_namespaces(scenario: Scenario, prefix: str, options: RunOptions) -> dict[str, str]:
    """Actual names for every namespace that the scenario ever has. Raises UsageError for one that gets too long, or for
    another name that ``prefix`` makes so."""
    logical = [namespace.name for namespace in scenario.fleet.namespaces]
    for step in scenario.steps:
        logical += [action.namespace.name for action in step.actions if isinstance(action, CreateNamespace)]
    own = "" if options.exact_namespaces else prefix
    names = {name: f"{own}{name}" for name in logical}
    if needs_witness(scenario):
        names[WITNESS_NAMESPACE] = f"{prefix}witness"
    for name, actual in names.items():
        if len(actual) > _MAX_NAME:
            longest = _MAX_NAME - len(own)
            raise UsageError(
                f"{scenario.file}: namespace {name} is too long: at most {longest} characters fit in a run"
            )
    for ref in scenario.cluster_scoped:
        if len(prefix) + len(ref.name) > DNS_SUBDOMAIN_MAX:
            longest = DNS_SUBDOMAIN_MAX - len(prefix)
            raise UsageError(
                f"{scenario.file}: the name of {ref} is too long: at most {longest} characters fit in a run"
            )
    return names

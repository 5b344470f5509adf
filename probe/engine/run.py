"""A whole run: what is checked before, scenarios in lanes, and the removal of everything they made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from probe.cluster.api import Api
from probe.cluster.facts import cluster_facts
from probe.cluster.outfit import prepare_outfit
from probe.cluster.preflight.demand import demand_of
from probe.cluster.preflight.doctor import quick
from probe.engine.fleet_copy import Ground
from probe.engine.known import KnownFailures
from probe.engine.lanes import Lanes, Lineup
from probe.engine.leftovers import Leftovers
from probe.engine.load import Load
from probe.engine.naming import check_names
from probe.engine.options import RunOptions
from probe.engine.outside import outside_ports
from probe.engine.planned import plan_fleets
from probe.engine.preconditions import check_scenarios
from probe.engine.preflight import fleet_demands, is_possible, notice, notice_idle_nodes
from probe.engine.stopping import Stopping
from probe.model.events import Event, Noticed, RunStarted
from probe.model.scenario import Scenario


async def run_scenarios(
    api: Api, scenarios: Sequence[Scenario], options: RunOptions, emit: Callable[[Event], None]
) -> None:
    """Run the scenarios and clean up, also when cancelled. What happened is in the events.

    Several run side by side (``options.lanes``), so that events interleave; each says which scenario it belongs to.

    Raises UsageError before anything is created when names do not fit; ClusterError when the cluster can't be asked.
    What would make the run impossible is told before anything is created, too: every reason is a ``ProblemSeen``.
    """
    started = datetime.now(UTC).isoformat()
    check_scenarios(scenarios, options)
    check = await quick(api, demand_of(scenarios, options.agent))
    if not is_possible(check, (), emit):
        return
    nodes = check.nodes
    planned = tuple(plan_fleets(scenarios, nodes, options))
    check_names([each.scenario for each in planned], len(planned), options)
    used = {node.name for each in planned for node in each.nodes}
    demands = fleet_demands(planned)
    lineup = Lineup.of(planned, options, demands, check.free_slots)
    outfit = await prepare_outfit(api, options.agent, options.namespaces)
    facts, pace = await cluster_facts(api, used), options.pace
    facts.network_plugins = check.network_plugins
    emit(RunStarted(options.run, started, facts, len(planned), pace.rate, pace.in_flight, options.keep, lineup.lanes))
    if options.sample_nodes is not None:
        fewer = f" (--nodes asks for {options.sample_nodes})" if options.sample_nodes > len(nodes) else ""
        chosen = f"{len(used)} of {len(nodes)} usable nodes{fewer}, by --seed {options.seed}"
        emit(Noticed(f"{chosen}: {', '.join(sorted(used))}"))
    else:
        notice_idle_nodes(nodes, demands, emit)
    notice(check, emit)
    if not is_possible(check, demands, emit):
        return
    known, stopping = KnownFailures(options.known_failures, options.strict_known_failures), Stopping(options.stop_after)
    served = check.seen.policies.served
    leftovers = Leftovers(api, options, emit, kinds=served & check.demand.cluster_scoped)
    ground = Ground(api, options, outfit, Load(lineup.lanes), outside_ports(scenarios))
    try:
        await Lanes(ground, lineup, len(planned), served, leftovers, emit, known, stopping).run()
    finally:
        if options.known_failures:
            emit(known.result())
        await leftovers.remove()

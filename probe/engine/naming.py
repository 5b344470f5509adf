"""What the objects of a run are called in the cluster: logical names, behind a prefix of the copy that they are of."""

from __future__ import annotations

from collections.abc import Iterable

from probe.engine.liveness import WITNESS_NAMESPACE, needs_witness
from probe.engine.options import RunOptions
from probe.model.actions import CreateNamespace
from probe.model.errors import UsageError
from probe.model.scenario import Scenario
from probe.model.syntax import DNS_SUBDOMAIN_MAX

_MAX_NAME = 63
"""Longest name of a namespace (RFC 1123 label)."""


def prefix_of(copy: int, scenarios: int, options: RunOptions) -> str:
    """What the actual names of a copy's objects begin with, of namespaces and of what is in none.

    ``copy`` counts the deployed copies of fleets from 1; a run of one scenario needs no number.
    """
    return f"cp-{options.run}-" if scenarios == 1 else f"cp-{options.run}-{copy}-"


def check_names(scenarios: Iterable[Scenario], runs: int, options: RunOptions) -> None:
    """Raises UsageError for a name that would get too long in any copy: a run of so many makes two for each at most."""
    for scenario in scenarios:
        map_namespaces(scenario, prefix_of(2 * runs, runs, options), options)


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

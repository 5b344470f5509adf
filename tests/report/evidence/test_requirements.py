"""What a run's cells support: only what was denied by a policy and proven, and never without what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from probe.model.cell import Verdict
from probe.model.record import CellRecord, PolicyRecord, RunRecord
from probe.report.evidence.readme import readme
from probe.report.evidence.requirements import Support, supports

FRONTEND = PolicyRecord("shop/web", "NetworkPolicy", {"kind": "NetworkPolicy"}, True)
CLUSTER = PolicyRecord("ClusterNetworkPolicy/base", "ClusterNetworkPolicy", {"kind": "ClusterNetworkPolicy"})


def run_of(build: Any, *cells: CellRecord) -> RunRecord:
    record: RunRecord = build.run(build.scenario(build.step(list(cells), policies=[FRONTEND, CLUSTER])))
    return record


def found(record: RunRecord) -> dict[str, Support]:
    return {each.requirement.number: each for each in supports(record)}


def denied(build: Any, source: str = "team/api", destination: str = "shop/web", **more: Any) -> CellRecord:
    cell: CellRecord = build.cell(source, destination, expected="deny", **{"decided_by": ["shop/web"], **more})
    return cell


def test_a_proven_denial_between_namespaces_supports_segmentation(build: Any) -> None:
    allowed = build.cell("team/api", "shop/web", "443/TCP", decided_by=["shop/web ingress[0]"])
    support = found(run_of(build, denied(build), allowed))
    for number in ("1.2", "1.3", "SC-7", "SC-7(5)", "AC-4", "5.3.1"):
        assert (support[number].denied, support[number].allowed, support[number].against) == (1, 1, 0), number
        assert support[number].is_shown
    assert not support["1.4"].is_shown


def test_within_a_namespace_no_boundary_is_shown(build: Any) -> None:
    support = found(run_of(build, denied(build, "shop/api")))
    assert support["AC-4"].is_shown
    assert not support["1.3"].is_shown
    assert not support["SC-7"].is_shown


def test_the_outside_is_what_1_4_is_about(build: Any) -> None:
    support = found(run_of(build, denied(build, "shop/web", "external/vault", address="192.0.2.1")))
    assert support["1.4"].is_shown
    assert support["SC-7"].is_shown


def test_a_rule_that_denies_is_no_denial_by_default(build: Any) -> None:
    support = found(run_of(build, denied(build, decided_by=['ClusterNetworkPolicy/base ingress[0] "no"'])))
    assert support["AC-4"].is_shown
    assert not support["SC-7(5)"].is_shown
    assert not support["5.3.1"].is_shown  # which asks for NetworkPolicies


def test_what_no_policy_decides_supports_nothing(build: Any) -> None:
    open_ = build.cell("team/api", "shop/web")
    undecided = build.cell("team/api", "shop/web", expected="deny")
    assert not any(each.denied or each.allowed for each in supports(run_of(build, open_, undecided)))


def test_traffic_that_is_let_through_alone_shows_no_control(build: Any) -> None:
    allowed = build.cell("team/api", "shop/web", decided_by=["shop/web ingress[0]"])
    assert not any(each.is_shown for each in supports(run_of(build, allowed)))


def test_a_leak_speaks_against_and_what_is_unproven_counts_for_nothing(build: Any) -> None:
    leak = denied(build, outcome="connected")
    doubtful = denied(build, verdict=Verdict.INCONCLUSIVE)
    support = found(run_of(build, leak, doubtful))["AC-4"]
    assert (support.denied, support.against, support.unjudged, support.is_shown) == (0, 1, 1, False)


@pytest.mark.parametrize("leaks", [False, True])
def test_the_page_words_it_as_support_and_names_what_nothing_is_about(build: Any, leaks: bool) -> None:
    cells = [denied(build), *([denied(build, "x/y", outcome="connected")] if leaks else [])]
    record = run_of(build, *cells)
    text = readme(record, supports(record), [], [], signed=False)
    assert "no statement that anything complies" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| PCI DSS v4.0 1.3 |"))
    assert "1 denied and 0 let through as the policies say, in 1 step" in row
    assert ("**1 were not: this speaks against it**" in row) is leaks
    assert "Nothing in this run is about: PCI DSS v4.0 1.4." in text


def test_a_name_of_a_policy_is_no_beginning_of_another(build: Any) -> None:
    """``shop/web`` decides; ``shop/we``, of another kind, does not."""
    other = PolicyRecord("shop/we", "ClusterNetworkPolicy", {})
    record = build.run(build.scenario(build.step([denied(build)], policies=[other, FRONTEND])))
    assert found(record)["5.3.1"].is_shown
    record.scenarios[0].steps[0].policies[1] = replace(FRONTEND, kind="ClusterNetworkPolicy")
    assert not found(record)["5.3.1"].is_shown

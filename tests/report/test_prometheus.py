"""Metrics read back by the parser of Prometheus's own client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from probe.model.cell import Verdict
from probe.model.record import RunRecord
from probe.report.prometheus import pieces
from probe.report.render import RenderOptions


def samples(record: RunRecord) -> dict[tuple[str, ...], float]:
    """Values by name and labels (``name, key=value, ...``); a series that comes twice is an error."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families("".join(pieces(record, RenderOptions()))):
        assert family.documentation
        assert family.type in ("gauge", "summary")
        for sample in family.samples:
            key = (sample.name, *(f"{name}={value}" for name, value in sample.labels.items()))
            assert key not in found
            assert sample.timestamp is None  # node_exporter refuses files that have any
            found[key] = sample.value
    return found


def test_counts_exit_code_and_times_of_the_run(red: RunRecord) -> None:
    found = samples(red)
    assert found["cni_probe_exit_code",] == 1
    assert found["cni_probe_duration_seconds",] == 12.3
    assert found["cni_probe_finished_timestamp_seconds",] == 1795168812
    assert all(found["cni_probe_cells", f"verdict={verdict}"] == red.counts.get(verdict, 0) for verdict in Verdict)


def test_a_verdict_that_did_not_occur_is_zero_so_that_alerts_can_end(green: RunRecord) -> None:
    assert samples(green)["cni_probe_cells", "verdict=leak"] == 0


def test_scenarios_succeed_or_not_over_all_their_repetitions(build: Any) -> None:
    good = build.scenario(build.step([build.cell()]), name="good")
    bad = build.scenario(build.step([build.cell(expected="deny", outcome="connected")]), name="good", repeat=2)
    other = build.scenario(build.step([build.cell()]), name="other")
    untried = build.scenario(build.step([build.cell(outcome="unsupported")]), name="untried")
    troubled = build.scenario(build.step([build.cell()]), name="troubled", problems=["slow"])
    found = samples(build.run(good, replace(bad, file=good.file), other, untried, troubled))

    def success(name: str) -> float:
        return found["cni_probe_scenario_success", f"scenario={name}", f"file=scenarios/seeds/{name}.yaml"]

    assert {name: success(name) for name in ("good", "other", "untried", "troubled")} == {
        "good": 0, "other": 1, "untried": 0, "troubled": 0,
    }  # fmt: skip
    key = ("scenario=good", "file=scenarios/seeds/good.yaml")
    assert found["cni_probe_scenario_cells", *key, "verdict=pass"] == 1
    assert found["cni_probe_scenario_cells", *key, "verdict=leak"] == 1


def test_enforcement_latency_is_a_summary_by_kind_of_change(build: Any) -> None:
    denied = [build.cell(port=f"{number}/TCP", expected="deny", matched_after=number / 100) for number in range(1, 101)]
    late = build.cell(port="999/TCP", expected="deny", outcome="connected")
    found = samples(build.run(build.scenario(build.step([*denied, late]))))
    name, change = "cni_probe_enforcement_latency_seconds", "change=policy applied: new deny"
    assert [found[name, change, f"quantile={share}"] for share in ("0.5", "0.9", "0.99", "1")] == [0.5, 0.9, 0.99, 1.0]
    assert found[f"{name}_count", change] == 100
    assert found[f"{name}_sum", change] == pytest.approx(50.5)
    assert found["cni_probe_enforcement_never", change] == 1


def test_hostile_names_stay_in_their_labels(build: Any) -> None:
    evil = 'a"} 1\n# HELP x \\n \\" {,= 宽 \x1b'
    found = samples(build.run(build.scenario(build.step([build.cell()]), name=evil, file=evil)))
    (key,) = (key for key in found if key[0] == "cni_probe_scenario_success")
    assert key[1] == 'scenario=a"} 1\\n# HELP x \\n \\" {,= 宽 \\x1b'


def test_a_run_that_came_to_nothing_is_no_success(build: Any) -> None:
    found = samples(build.run(problems=["no cluster"], finished=""))
    assert found["cni_probe_exit_code",] == 3
    assert found["cni_probe_problems",] == 1
    assert not any(key[0] == "cni_probe_finished_timestamp_seconds" for key in found)

"""``watch``: how a scenario is watched, as its file states it."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.model.errors import ScenarioError
from probe.model.scenario import Watching
from probe.model.watch import Budget
from probe.scenario import load_scenarios

TEXT = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: watched}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, 53/UDP]}
          api: [80/TCP]
          job:
  watch: {WATCH}
  steps:
    - {name: open, expect: allow}
    - name: closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web, namespace: shop}
        spec: {podSelector: {matchLabels: {app: web}}}
      expect: {default: allow, rules: [{to: shop/web, verdict: deny}]}
    - {name: again, label: {shop/job: {a: b}}, expect: unchanged}
"""


def watch(tmp_path: Path, text: str) -> Watching:
    path = tmp_path / "watched.yaml"
    path.write_text(TEXT.replace("WATCH", text))
    found = load_scenarios([path])[0].watch
    assert found is not None
    return found


def test_what_is_not_said_is_as_usual(tmp_path: Path) -> None:
    assert watch(tmp_path, "") == Watching()


def test_everything_can_be_said(tmp_path: Path) -> None:
    found = watch(
        tmp_path,
        "step: open, settle: 0, rate: 2.5, max-load: 100, heartbeat: 50ms, max-leak: 1, max-leak-total: 9, "
        "max-outage: 0, max-outage-total: 500ms, max-gap: 4s, max-cut: 2, connections: true",
    )
    assert found.budget == Budget(1, 0.0, 9, 0.5, 4.0, 2)
    assert (found.step, found.settle, found.rate, found.max_load, found.heartbeat) == ("open", 0.0, 2.5, 100.0, 0.05)
    assert [(rule.sources, rule.destinations, rule.ports) for rule in found.connections] == [((), (), ())]


def test_connections_are_chosen_as_rules_choose_cells(tmp_path: Path) -> None:
    found = watch(tmp_path, "connections: [{from: shop/*, to: shop/api, port: TCP}, {from: shop/job}]")
    assert [rule.destinations for rule in found.connections] == [("shop/api",), ()]
    assert [rule.location.line for rule in found.connections if rule.location] == [13, 13]
    assert watch(tmp_path, "connections: false").connections == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step: opne", 'spec.watch.step: there is no step "opne" (did you mean "open"?)'),
        ("rate: 101", "spec.watch.rate: must be less than or equal to 100"),
        ("max-leak: -1", "spec.watch.max-leak: must be greater than or equal to 0"),
        ("max-outage: never", 'spec.watch.max-outage: "never" is not a duration'),
        ("maxOutage: 1s", 'spec.watch.maxOutage: unknown key "maxOutage" (did you mean "max-outage"?)'),
        ("heartbeat: 5s", "spec.watch.heartbeat: must be from 20ms to 2s"),
        ("connections: []", "spec.watch.connections: is an empty list (write true for all"),
        ("connections: {from: shop/jbo}", 'spec.watch.connections.from: unknown pod "shop/jbo"'),
        ("connections: [{to: shop/api, port: 81}]", "spec.watch.connections[0].port: nobody serves 81"),
        ("connections: [{from: shop/api, to: shop/api}]", "probe.self leaves out shop/api to itself"),
        ("connections: {to: shop/web}", "spec.watch.connections: none of these cells is expected to be allowed"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        watch(tmp_path, text)
    assert said in str(error.value)
    assert "watched.yaml:13:" in str(error.value)


def test_connections_are_of_the_step_that_is_watched(tmp_path: Path) -> None:
    assert watch(tmp_path, "step: open, connections: {to: shop/web}").connections

"""The step actions on real packets: what changes the network shows in the very next verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Verdict
from probe.model.record import Change

pytestmark = pytest.mark.sandbox

HEAD = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: actions}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {labels: {role: client}, ports: [81/TCP]}
          server: {labels: {app: server}, ports: [80/TCP]}
  timeouts: {baseline: 3s, converge: 4s}
  steps:
"""
ONLY_CLIENTS = """
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: only-clients, namespace: shop}
          spec:
            podSelector: {matchLabels: {app: server}}
            ingress: [{from: [{podSelector: {matchLabels: {role: client}}}]}]
"""


def scenario(tmp_path: Path, steps: str) -> Path:
    path = tmp_path / "actions.yaml"
    path.write_text(HEAD + steps)
    return path


async def test_labels_policies_and_their_removal_are_followed(run_it: Any, tmp_path: Path) -> None:
    steps = f"""
    - name: only clients
      apply: {ONLY_CLIENTS}
      expect: {{default: allow}}
    - name: no longer a client
      unlabel: {{shop/client: [role]}}
      expect:
        default: allow
        rules: [{{from: shop/client, to: shop/server, verdict: deny}}]
    - name: a client again
      label: {{shop/client: {{role: client}}}}
      expect: {{default: allow}}
    - name: policy removed
      delete: [networkpolicy/shop/only-clients]
      unlabel: {{shop/client: [role]}}
      expect: {{default: allow}}
    """
    record = await run_it(scenario(tmp_path, steps))
    assert record.exit_code == ExitCode.PASSED, [s.problems for s in record.scenarios]
    assert set(record.counts) == {Verdict.PASS}


async def test_a_pod_created_under_a_policy_earns_its_denial_by_the_closing_control(
    run_it: Any, tmp_path: Path, cells: Any
) -> None:
    steps = f"""
    - name: only clients
      apply: {ONLY_CLIENTS}
      expect: {{default: allow}}
    - name: a stranger comes
      create:
        namespaces:
          shop:
            pods:
              stranger: {{ports: [82/TCP]}}
      expect:
        default: allow
        rules: [{{from: shop/stranger, to: shop/server, verdict: deny}}]
    """
    record = await run_it(scenario(tmp_path, steps))
    stranger = cells(record, "a stranger comes")["shop/stranger -> shop/server 80/TCP"]
    assert stranger.verdict is Verdict.PASS, stranger.reason
    assert stranger.control
    assert record.exit_code == ExitCode.PASSED
    (everywhere, _) = record.scenarios[0].steps[1].enforcement
    assert (everywhere.change, everywhere.cells, everywhere.untimed) == (Change.NEW_DENY, 1, 0), "it has its time, too"


async def test_a_pod_created_under_a_policy_earns_its_denial_by_a_later_step_that_opens_it(
    run_it: Any, tmp_path: Path, cells: Any
) -> None:
    steps = f"""
    - name: only clients
      apply: {ONLY_CLIENTS}
      expect: {{default: allow}}
    - name: a stranger comes
      create: {{namespaces: {{shop: {{pods: {{stranger: {{ports: [82/TCP]}}}}}}}}}}
      expect: {{default: allow, rules: [{{from: shop/stranger, to: shop/server, verdict: deny}}]}}
    - name: open
      delete: [networkpolicy/shop/only-clients]
      expect: {{default: allow}}
    - name: and goes
      delete: [pod/shop/stranger]
      expect: {{default: allow}}
    """
    record = await run_it(scenario(tmp_path, steps))
    stranger = cells(record, "a stranger comes")["shop/stranger -> shop/server 80/TCP"]
    assert stranger.verdict is Verdict.PASS, stranger.reason
    assert stranger.control
    assert record.exit_code == ExitCode.PASSED


async def test_namespaces_and_pods_come_and_go(run_it: Any, tmp_path: Path, cells: Any) -> None:
    steps = """
    - name: a new namespace
      create:
        namespaces:
          other:
            pods:
              guest: {ports: [80/TCP]}
      expect: {default: allow}
    - name: and it is gone
      delete: [namespace/other, pod/shop/client]
      expect: {default: allow}
    """
    record = await run_it(scenario(tmp_path, steps))
    assert record.exit_code == ExitCode.PASSED, [s.problems for s in record.scenarios]
    assert "shop/client -> other/guest 80/TCP" in cells(record, "a new namespace")
    assert list(cells(record, "and it is gone")) == ["shop/server -> shop/server 80/TCP"]


async def test_a_recreated_pod_does_not_vouch_for_the_one_before_it(run_it: Any, tmp_path: Path, cells: Any) -> None:
    """The closing control speaks of the pods that are there at the end, and of no others of the same name."""
    stranger = "{namespaces: {shop: {pods: {stranger: {ports: [82/TCP]}}}}}"
    expect = "{default: allow, rules: [{from: shop/stranger, to: shop/server, verdict: deny}]}"
    steps = f"""
    - name: only clients
      apply: {ONLY_CLIENTS}
      expect: {{default: allow}}
    - name: a stranger comes
      create: {stranger}
      expect: {expect}
    - name: and goes
      delete: [pod/shop/stranger]
      expect: {{default: allow}}
    - name: another comes
      create: {stranger}
      expect: {expect}
    """
    record = await run_it(scenario(tmp_path, steps))
    denied = "shop/stranger -> shop/server 80/TCP"
    assert cells(record, "another comes")[denied].verdict is Verdict.PASS
    assert cells(record, "a stranger comes")[denied].verdict is Verdict.INCONCLUSIVE
    assert record.exit_code == ExitCode.HARNESS

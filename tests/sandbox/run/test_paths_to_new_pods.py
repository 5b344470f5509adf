"""Services of pods that come and go in a run: they follow, and are believed only where somebody has come through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Outcome, Verdict
from tests.sandbox.run.conftest import by_way

pytestmark = pytest.mark.sandbox

LATE = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: late}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {node: a}
          friend: {labels: {role: friend}, node: FRIEND}
          old: {ports: [80/TCP]}
  probe: {from: [shop/client, shop/friend], paths: [pod-ip, cluster-ip]}
  steps:
    - name: late comes under a policy
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: friends, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: server}}
          policyTypes: [Ingress]
          ingress: [{from: [{podSelector: {matchLabels: {role: friend}}}]}]
      expect: {default: allow}
    - name: and is there
      create: {namespaces: {shop: {pods: {late: {labels: {app: server}, ports: [80/TCP], node: b}}}}}
      expect: {default: allow, rules: [{from: shop/client, to: shop/late, verdict: deny}]}
"""


@pytest.mark.parametrize(("friend", "verdict"), [("a", Verdict.PASS), ("b", Verdict.INCONCLUSIVE)])
async def test_a_new_service_is_denied_by_a_policy_only_if_the_node_knows_it(
    run_it: Any, tmp_path: Path, friend: str, verdict: Verdict
) -> None:
    """That it connects with the policy lifted, later, says nothing of the time before; a friend on that node does."""
    path = tmp_path / "late.yaml"
    path.write_text(LATE.replace("FRIEND", friend))
    record = await run_it(path)
    cells = by_way(record, "and is there")
    denied = "shop/client -> shop/late 80/TCP via "
    assert cells[denied + "pod-ip"].verdict is Verdict.PASS
    for way in ("cluster-ip/same-port", "cluster-ip/other-port"):
        assert cells[denied + way].outcome is Outcome.TIMED_OUT
        assert cells[denied + way].verdict is verdict
        assert "nobody on the node" in cells[denied + way].reason or verdict is Verdict.PASS


COME_AND_GO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: come-and-go}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client:
          server: {ports: [80/TCP]}
  probe: {from: shop/client, paths: [cluster-ip, node-port]}
  timeouts: {converge: 5s}
  steps:
    - name: another pod comes
      create: {namespaces: {shop: {pods: {guest: {ports: [80/TCP]}}}}}
      expect: allow
    - name: the first goes
      delete: [pod/shop/server]
      expect: allow
    - name: and comes again
      create: {namespaces: {shop: {pods: {server: {ports: [80/TCP]}}}}}
      expect: allow
    - name: and again with other ports
      delete: [pod/shop/server]
      create: {namespaces: {other: {pods: {late: {ports: [81/UDP]}}}}}
      expect: allow
    - name: the namespace comes anew
      delete: [namespace/other]
      expect: allow
    - name: at last
      create:
        namespaces:
          other: {pods: {late: {ports: [81/UDP, 82/TCP]}}}
          shop: {pods: {server: {ports: [83/TCP]}}}
      expect: allow
"""


async def test_services_follow_pods_that_come_and_go(run_it: Any, tmp_path: Path) -> None:
    path = tmp_path / "come-and-go.yaml"
    path.write_text(COME_AND_GO)
    record = await run_it(path)
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    assert set(record.counts) == {Verdict.PASS}
    tried = [{(c.destination, c.port) for c in step.cells} for step in record.scenarios[0].steps]
    assert tried[2] == {("shop/server", 80), ("shop/guest", 80)}
    assert tried[-1] == {("shop/guest", 80), ("other/late", 81), ("other/late", 82), ("shop/server", 83)}

"""kubectl and the cluster-scoped network policies, which it knows from discovery alone."""

from __future__ import annotations

import pytest
import yaml

from tests.kubectl.conftest import Kubectl

pytestmark = pytest.mark.kubectl

POLICY = yaml.safe_dump(
    {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {
            "tier": "Baseline",
            "priority": 42,
            "subject": {"namespaces": {}},
            "egress": [{"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]}],
        },
    }
)


async def test_apply_get_explain_and_delete(kubectl: Kubectl) -> None:
    assert (await kubectl("apply", "-f", "-", stdin=POLICY)).ok().endswith("guard created\n")
    assert (await kubectl("apply", "-f", "-", stdin=POLICY)).ok().endswith("guard unchanged\n")
    assert (await kubectl("apply", "-f", "-", stdin=POLICY.replace("42", "43"))).ok().endswith("guard configured\n")
    table = (await kubectl("get", "cnp")).ok().splitlines()
    assert [line.split()[:3] for line in table] == [["NAME", "TIER", "PRIORITY"], ["guard", "Baseline", "43"]]
    assert "tier\t<string>" in (await kubectl("explain", "cnp.spec")).ok()
    for short in ("anp", "banp"):
        assert (await kubectl("get", short)).err == "No resources found\n"
    listed = (await kubectl("api-resources", "--api-group=policy.networking.k8s.io", "--no-headers")).ok()
    assert {line.split()[1] for line in listed.splitlines()} == {"cnp", "anp", "banp"}
    assert (await kubectl("delete", "cnp", "guard")).code == 0


async def test_apply_explains_what_is_refused(kubectl: Kubectl) -> None:
    refused = await kubectl("apply", "-f", "-", stdin=POLICY.replace("priority: 42", "priority: 1042"))
    assert (refused.code, "spec.priority: Invalid value: 1042" in refused.err) == (1, True)
    misspelt = await kubectl("apply", "-f", "-", stdin=POLICY.replace("action", "verdict"))
    assert (misspelt.code, "verdict" in misspelt.err) == (1, True)

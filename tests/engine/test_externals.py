"""What may stand for a scenario's external endpoint: an address that no policy of the scenario tells from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.engine.externals import stand_ins
from probe.model.scenario import Scenario
from probe.scenario.load import load_scenarios

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: outside}
spec:
  fleet:
    namespaces: {shop: {pods: {client: {ports: [80/TCP]}}}}
    external:
      vault: {addresses: [10.0.12.34, "2001:db8::34"], ports: [443/TCP]}
      cache: {addresses: [10.1.0.7], ports: [443/TCP]}
  steps:
    - name: only the vault's block
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: egress, namespace: shop}
          spec:
            podSelector: {}
            policyTypes: [Egress]
            egress:
              - to: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.5.0/24]}}]
      expect: {default: deny, rules: [{to: external/vault, verdict: allow}]}
"""

VAULT, VAULT6, CACHE = (
    ("external/vault", "10.0.12.34"),
    ("external/vault", "2001:db8::34"),
    ("external/cache", "10.1.0.7"),
)


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    (tmp_path / "outside.yaml").write_text(SCENARIO)
    (loaded,) = load_scenarios([tmp_path / "outside.yaml"])
    return loaded


def test_an_address_that_every_block_treats_alike_stands_for_the_scenarios(scenario: Scenario) -> None:
    found = stand_ins(scenario, {"vault": ("10.0.200.1", "2001:db8::99"), "cache": ("192.0.2.7",)})
    assert found.addresses == {VAULT: "10.0.200.1", VAULT6: "2001:db8::99", CACHE: "192.0.2.7"}
    assert not found.reasons


def test_an_address_outside_of_a_block_cannot_stand_for_one_within(scenario: Scenario) -> None:
    found = stand_ins(scenario, {"vault": ("192.0.2.10",)})
    assert "192.0.2.10 cannot stand for 10.0.12.34, which is in 10.0.0.0/16" in found.reasons[VAULT]


def test_an_address_within_an_exception_cannot_stand_for_one_beside_it(scenario: Scenario) -> None:
    found = stand_ins(scenario, {"vault": ("10.0.5.9",)})
    assert "10.0.5.9 cannot stand for 10.0.12.34, which is not in 10.0.5.0/24" in found.reasons[VAULT]


def test_what_nobody_stands_for_has_a_reason_that_says_what_to_do(scenario: Scenario) -> None:
    found = stand_ins(scenario, {"vault": ("10.0.200.1",)})
    assert "--external cache=ADDRESS" in found.reasons[CACHE]
    assert found.reasons[VAULT6] == "--external vault gives no IPv6 address to stand for 2001:db8::34"
    assert found.addresses == {VAULT: "10.0.200.1"}

"""``start-race``: new pods in their first moments, as scenarios state them."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.model.cell import Expectation
from probe.model.errors import ScenarioError
from probe.model.scenario import StartRace
from probe.scenario import load_scenarios

TEXT = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: race}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          server: {labels: {app: server}, ports: [80/TCP]}
          client:
          racer-3: {ports: [81/TCP]}
  steps:
    - name: new pods
      expect: allow
      start-race: {namespace: shop, RACE}
"""


def race(tmp_path: Path, text: str) -> StartRace:
    path = tmp_path / "race.yaml"
    path.write_text(TEXT.replace("RACE", text))
    found = load_scenarios([path])[0].steps[0].start_race
    assert found is not None
    return found


def test_defaults(tmp_path: Path) -> None:
    found = race(tmp_path, "to: shop/server, pods: 3, expect: deny")
    assert (found.name, found.pods, found.destinations, found.sources) == ("racer", 3, ("shop/server",), ())
    assert (found.expect, found.limit, found.seconds) == (Expectation.DENY, 0.0, 2.0)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("expect: deny", 0.0),
        ("expect: deny, max-window: 50ms", 0.05),
        ("expect: deny, relabel: {role: x}", None),
        ("expect: deny, relabel: {role: x}, max-window: 1s", 1.0),
        ("expect: allow", None),
        ("expect: allow, max-wait: 2s", 2.0),
    ],
)
def test_what_is_accepted(tmp_path: Path, text: str, limit: float | None) -> None:
    assert race(tmp_path, f"to: shop/server, pods: 3, {text}").limit == limit


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("to: shop/server, pods: 3, expect: either", '"either" cannot be raced for (write allow or deny)'),
        ("to: shop/sever, pods: 3, expect: deny", 'start-race.to: unknown pod "shop/sever"'),
        ("to: external/vault, pods: 3, expect: deny", 'unknown external endpoint "vault"'),
        ("to: shop/server, pods: 2, reuse-address: true, expect: deny", 'a pod "shop/racer-3" exists already'),
        ("from: shop/client, pods: 3, expect: deny", "the new pods serve nothing that could be tried"),
        ("pods: 3, expect: deny", "nothing is tried"),
        ("to: shop/client, pods: 3, expect: deny", "shop/client serves no port"),
        ("to: shop/server, pods: 4, expect: deny", 'a pod "shop/racer-3" exists already'),
        ("to: shop/server, pods: 3, expect: allow, max-window: 1s", "says nothing where allow is expected"),
        ("to: shop/server, pods: 3, expect: deny, max-wait: 1s", "says nothing where deny is expected"),
        ("to: shop/server, pods: 61, expect: deny", "start-race.pods"),
        ("to: shop/server, pods: 3, expect: deny, labels: {'a b': x}", "cannot be a label's key"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        race(tmp_path, text)
    assert said in str(error.value)
    assert "race.yaml:16:" in str(error.value)

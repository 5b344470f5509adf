"""``established``: which connections a step follows, and what is expected of each."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from probe.model.cell import Expectation, Family, Fate
from probe.model.errors import ScenarioError
from probe.scenario import load_scenarios, make_plan
from probe.scenario.established import HeldCell, held_cells

HEAD = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: established}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP]}
          client: {ports: [81/TCP]}
          gone: {ports: [82/TCP]}
    external: {vault: {addresses: [10.0.12.34], ports: [443/TCP]}}
  steps:
    - name: a change
      create: {namespaces: {shop: {pods: {new: {ports: [83/TCP]}}}}}
      delete: [pod/shop/gone]
"""


def held(tmp_path: Path, *lines: str) -> dict[str, HeldCell]:
    """What the step follows, by cell."""
    path = tmp_path / "established.yaml"
    path.write_text(HEAD + indent(dedent("\n".join(lines)), "      ") + "\n")
    (scenario,) = load_scenarios([path])
    (planned,) = make_plan(scenario, [Family.IPV4, Family.IPV6]).steps
    before = {pod.id for pod in scenario.fleet.pods}
    return {str(it.planned.cell): it for it in held_cells(planned, before, scenario.fleet.externals)}


def test_all_that_is_tried_between_ends_that_stay(tmp_path: Path) -> None:
    found = held(tmp_path, "established: {}", "expect: deny")
    assert set(found) == {
        f"shop/{source} -> {target}{family}"
        for source, targets in {
            "server": ("shop/client 81/TCP",),
            "client": ("shop/server 80/TCP", "shop/server 53/UDP"),
        }.items()
        for target in targets
        for family in ("", " IPv6")
    } | {f"shop/{source} -> external/vault (10.0.12.34) 443/TCP" for source in ("server", "client")}
    assert {it.fate for it in found.values()} == {Fate.EITHER}
    assert {it.expectation for it in found.values()} == {Expectation.EITHER}


def test_without_it_none_is_followed(tmp_path: Path) -> None:
    assert held(tmp_path, "expect: deny") == {}


def test_the_last_that_matches_counts_and_the_longest_time(tmp_path: Path) -> None:
    found = held(
        tmp_path,
        "established:",
        "  - {to: shop/server, expect: cut, for: 5s}",
        "  - {to: shop/server, port: UDP, expect: kept}",
        "probe: {families: [IPv4]}",
        "expect: deny",
    )
    tcp, udp = found["shop/client -> shop/server 80/TCP"], found["shop/client -> shop/server 53/UDP"]
    assert (tcp.fate, tcp.expectation, tcp.seconds) == (Fate.CUT, Expectation.DENY, 5.0)
    assert (udp.fate, udp.expectation, udp.seconds) == (Fate.KEPT, Expectation.ALLOW, 5.0)
    assert tcp.line is not None
    assert udp.line == tcp.line + 1
    assert len(found) == 2


@pytest.mark.parametrize("fate", [*Fate])
def test_what_stays_allowed_must_be_kept(tmp_path: Path, fate: Fate) -> None:
    found = held(tmp_path, f"established: {{to: shop/server, expect: {fate}}}", "expect: allow")
    assert {it.expectation for it in found.values()} == {Expectation.ALLOW}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{from: shop/new}", 'established.from: unknown pod "shop/new"'),
        ("{to: shop/new}", 'established.to: unknown pod "shop/new"'),
        ("{to: shop/server, port: 81}", "established.port: nobody serves 81"),
        ("{expect: kepd}", 'is not a known fate of a connection (did you mean "kept"?)'),
        ("{for: 0}", "established.for: must be more than zero"),
        ("[{from: shop/client}, {from: shop/clint}]", 'established[1].from: unknown pod "shop/clint"'),
        ("{from: shop/server, to: shop/server}", "the rule matches no cell"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        held(tmp_path, f"established: {line}", "expect: deny")
    assert said in str(error.value)
    assert "established.yaml:18:" in str(error.value)


def test_a_step_that_changes_nothing_has_nothing_to_follow(tmp_path: Path) -> None:
    path = tmp_path / "nothing.yaml"
    path.write_text(HEAD.rpartition("      create")[0] + "      established: {}\n      expect: allow\n")
    with pytest.raises(ScenarioError, match="changes nothing that connections could be followed through"):
        load_scenarios([path])

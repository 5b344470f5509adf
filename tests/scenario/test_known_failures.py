"""Lists of known failures: what they may say, and every mistake in one at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.model.cell import Cell, Family, Protocol, Via
from probe.model.cell import Path as CellPath
from probe.model.errors import ScenarioError
from probe.model.known import KnownFailure
from probe.scenario.known_failures import load_known_failures

LIST = """\
apiVersion: cni-probe/v1
kind: KnownFailures
failures:
  - scenario: sctp-*
    reason: The plugin has no SCTP.
  - scenario: port-range
    step: last port
    from: x/*
    to: [x/a, y/a]
    port: [81/TCP, 82]
    family: IPv6
    path: cluster-ip
    reason: |
      Reported as issue 12,
      and fixed in the next release.
"""


def listed(tmp_path: Path, text: str) -> tuple[KnownFailure, ...]:
    file = tmp_path / "known.yaml"
    file.write_text(text)
    return load_known_failures(file)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        listed(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_an_entry_says_which_cells_and_why(tmp_path: Path) -> None:
    first, second = listed(tmp_path, LIST)
    assert str(first) == "sctp-*"
    assert str(second) == "port-range / last port x/* -> x/a,y/a 81/TCP,82 IPv6 cluster-ip"
    assert second.reason == "Reported as issue 12, and fixed in the next release."
    assert second.location is not None
    assert second.location.line == 6


def test_an_entry_is_about_the_steps_and_cells_that_it_names(tmp_path: Path) -> None:
    first, second = listed(tmp_path, LIST)
    assert first.is_about("sctp-rule-isolates", "any step")
    assert first.is_about("sctp-rule-isolates@n1+n2", "any step"), "a scenario on sampled nodes"
    assert not first.is_about("udp-is-no-sctp", "any step")
    assert not second.is_about("port-range", "first port")

    cell = Cell("x/b", "y/a", 82, Protocol.UDP, Family.IPV6, CellPath.CLUSTER_IP, via=Via.OTHER_PORT)
    assert second.has(cell)
    for other in (
        Cell("y/b", "y/a", 82, Protocol.UDP, Family.IPV6, CellPath.CLUSTER_IP, via=Via.OTHER_PORT),
        Cell("x/b", "z/a", 82, Protocol.UDP, Family.IPV6, CellPath.CLUSTER_IP, via=Via.OTHER_PORT),
        Cell("x/b", "y/a", 81, Protocol.UDP, Family.IPV6, CellPath.CLUSTER_IP, via=Via.OTHER_PORT),
        Cell("x/b", "y/a", 82, Protocol.UDP, Family.IPV4, CellPath.CLUSTER_IP, via=Via.OTHER_PORT),
        Cell("x/b", "y/a", 82, Protocol.UDP, Family.IPV6),
    ):
        assert not second.has(other)
        assert first.has(other)


def test_a_step_with_a_bracket_in_its_name_can_be_named() -> None:
    assert KnownFailure("s", "why", step="ports [80, 81]").is_about("s", "ports [80, 81]")


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    text = """\
apiVersion: cni-probe/v1
kind: KnownFailures
failures:
  - scenario: sctp-*
  - scenaro: port-range
    reason: why
  - scenario: port-range
    reason: why
    port: 80/TPC
    fro: x/a
  - scenario: port-range
    family: IPv5
    reason: ""
"""
    assert mistakes(tmp_path, text) == [
        'known.yaml:4:5: failures[0]: missing key "reason" (say why it is borne, so that somebody can tell when it is '
        "not any more)",
        'known.yaml:5:5: failures[1].scenaro: unknown key "scenaro" (did you mean "scenario"?)',
        'known.yaml:9:11: failures[2].port: "TPC" is not a known protocol (did you mean "TCP"?)',
        'known.yaml:10:5: failures[2].fro: unknown key "fro" (did you mean "from"?)',
        'known.yaml:12:13: failures[3].family: "IPv5" is not a known address family (did you mean "IPv6"?)',
        "known.yaml:13:13: failures[3].reason: must not be empty",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "known.yaml:1:1: document: holds no document"),
        (LIST.replace("82]", "http]"), 'known.yaml:10:20: failures[1].port[1]: "http" is not a port (write 80/TCP'),
        ("- scenario: x\n", "known.yaml:1:1: document: a KnownFailures must be a mapping"),
        (LIST.replace("KnownFailures", "RunConfig"), "known.yaml:2:7: kind: must be 'KnownFailures', not the text"),
        (LIST.replace("port-range", "sctp-*").partition("    step")[0] + "    reason: x\n", "known.yaml:6:5: "),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = mistakes(tmp_path, text)
    assert problem.startswith(told)

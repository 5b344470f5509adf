"""The table: which symbol stands where, what fits a width, and what is said about deviations."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from probe.model.cell import Expectation, Family, Path, Verdict, Via
from probe.model.events import ProblemSeen, RunDone
from probe.model.record import CellRecord, RunRecord, Topology
from probe.report.fold import Recorder
from probe.report.render import RenderOptions
from probe.report.table import render
from probe.report.text import columns

PLAIN = RenderOptions(width=80)


def rows(text: str) -> dict[str, list[str]]:
    """The matrices' rows as symbols, by the source's name; what stands side by side comes one after the other."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("  ") and words and words[0].isdigit():
            words = words[1:]
        if len(words) > 1 and "/" in words[0] and all(re.fullmatch(r"[.XDRLBMW!?_~-]+", word) for word in words[1:]):
            found.setdefault(words[0].partition("@")[0], []).extend(words[1:])
    return found


def one_allowed(cell: CellRecord) -> dict[str, Any] | None:
    """Default deny to x/a; only y/b comes through, and only on 80/TCP."""
    if cell.destination != "x/a" or cell.source == "x/a":
        return None
    return None if (cell.source, cell.port, cell.protocol) == ("y/b", 80, "TCP") else {"expected": "deny"}


def test_a_step_that_passes_shows_one_matrix_of_what_was_seen(green: RunRecord) -> None:
    text = render(green, PLAIN)
    _, second = text.split("step 2 of 2")
    assert rows(second) == {
        "production/frontend": [".", ".", "."],
        "production/backend": [".XX", ".", "."],
        "development/backend": ["X", ".", "."],
    }
    assert second.count("observed = expected") == 1
    assert "ports: 80/TCP 443/TCP 53/UDP" in second
    assert ". connected  X no answer" in second
    assert "+ apply networkpolicy/production/frontend-policy" in second
    assert "PASS 27 cells as expected 120 ms after the change, held for 1.5 s; slowest" in second


def test_pods_are_marked_with_their_nodes_so_that_each_cell_tells_whether_it_crosses(build: Any) -> None:
    cells = [
        build.cell("x/a", "x/b", topology=Topology.SAME_NODE),
        build.cell("x/a", "y/c", topology=Topology.CROSS_NODE),
        build.cell("x/b", "y/c", topology=Topology.CROSS_NODE),
    ]
    pods = [build.pod("x/a", 0), build.pod("x/b", 2), build.pod("y/c", 1)]  # even numbers share a node
    text = render(build.run(build.scenario(build.step(cells), pods=pods)), PLAIN)
    assert "3 pods on 2 nodes (@1 node-1, @2 node-2)" in text
    assert re.search(r"from \\ to +@1 +@2\n", text)
    assert re.search(r"x/a@1 +\. +\.\n", text)
    assert "PASS 3 cells (1 same-node, 2 cross-node)" in text


def test_one_node_is_not_marked_and_what_it_cannot_show_is_said(build: Any) -> None:
    pods = [build.pod("x/a", 0), build.pod("x/b", 2)]
    missing = ["traffic between nodes, since all pods are on node-1 (the cluster has one usable node)"]
    scenario = build.scenario(build.step([build.cell("x/a", "x/b", topology=Topology.SAME_NODE)]), pods=pods)
    text = " ".join(render(build.run(replace(scenario, untested=missing)), PLAIN).split())
    assert "@" not in text
    assert "not tested: traffic between nodes, since all pods are on node-1" in text
    assert "PASS 1 cell (all same-node)" in text


def test_notes_stand_at_the_end_and_change_nothing(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell()])))
    assert "note: 3 of 120 usable nodes" in render(replace(record, notes=["3 of 120 usable nodes"]), PLAIN)


def test_the_end_is_the_answer_the_counts_and_the_exit_codes_meaning(green: RunRecord) -> None:
    text = render(green, replace(PLAIN, files=(("run.json", "json"),)))
    ending = text[text.index("PASS 54 cells in 2 steps") :].splitlines()
    assert ending[1].startswith("  54 pass; 12.3 s; run ab12cd")
    assert ending[2] == "  written: run.json (json)"
    assert ending[3] == "  exit code 0: every cell that could be judged did what was expected"


def test_a_cell_that_flapped_is_named_even_if_it_held_in_the_end(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell(flaps=2)])))
    assert "! 1 cell flapped before the result held: production/backend" in render(record, PLAIN)


def test_a_cluster_on_which_every_denial_leaks_is_told_what_it_looks_like(build: Any) -> None:
    leak = build.cell(expected="deny", outcome="connected")
    denied = build.cell(source="z/z", expected="deny", outcome="timed-out")
    hint = "enforces no NetworkPolicy at all"
    assert hint in " ".join(render(build.run(build.scenario(build.step([leak]))), PLAIN).split())
    assert hint not in " ".join(render(build.run(build.scenario(build.step([leak, denied]))), PLAIN).split())


def test_repeat_commands_of_a_run_that_kept_nothing_come_with_a_hint(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell(expected="deny", outcome="connected")])))
    hint = "run again with --keep"
    assert hint in render(record, PLAIN)
    assert hint not in render(replace(record, kept=True), PLAIN)


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ((), "next: run again with -o html=run.html, to look at the evidence"),
        ((("r.json", "json"),), "next: cni-probe report r.json -o html=run.html, to look at the evidence"),
        ((("r.json", "json"), ("r.html", "html")), "next: look at r.html, which has the evidence"),
    ],
)
def test_where_something_is_not_as_expected_the_end_says_what_to_do_next(
    red: RunRecord, green: RunRecord, files: tuple[tuple[str, str], ...], hint: str
) -> None:
    options = RenderOptions(200, files=files)
    assert hint in render(red, options)
    assert "next:" not in render(green, options)


def test_where_a_step_deviates_expected_and_observed_stand_beside_each_other(build: Any, nine_pods: Any) -> None:
    def leaky(cell: CellRecord) -> dict[str, Any] | None:
        special = one_allowed(cell)
        return special | {"outcome": "connected"} if special and cell.source == "z/c" and cell.port == 81 else special

    cells = build.mesh(nine_pods, ("80/TCP", "81/TCP"), leaky)
    text = render(build.run(build.scenario(build.step(cells))), PLAIN)
    assert rows(text)["z/c"] == ["X", *["."] * 8, "XL", *["."] * 8]
    assert rows(text)["y/b"] == [".X", *["."] * 8, ".X", *["."] * 8]
    assert "L LEAK" in text
    assert text[text.rindex("FAIL") :].startswith("FAIL 1 leak: z/c reached x/a on 81/TCP\n")


@pytest.mark.parametrize("colour", [False, True])
def test_nine_pods_on_four_ports_fit_80_columns(build: Any, nine_pods: Any, four_ports: Any, colour: bool) -> None:
    long_names = [f"{namespace}-of-team-shop/database-{pod}" for namespace in ("one", "two", "six") for pod in "abc"]
    for pods in (nine_pods, long_names):

        def mixed(cell: CellRecord, pods: Any = pods) -> dict[str, Any] | None:
            if cell.protocol == "TCP" and cell.destination == pods[2]:
                return {"expected": "deny", "outcome": "connected" if cell.port == 81 else "refused"}
            return {"expected": "deny"} if cell.port == 81 and pods.index(cell.source) % 2 else None

        record = build.run(build.scenario(build.step(build.mesh(pods, four_ports, mixed))))
        text = re.sub(r"\x1b\[[0-9;]*m", "", render(record, RenderOptions(80, colour)))
        assert len(rows(text)) == 9
        too_long = [line for line in text.splitlines() if len(line) > 80 and not line.lstrip().startswith("kubectl")]
        assert too_long == []


@pytest.mark.parametrize(("namespaces", "pods"), [(3, 20), (2, 30), (60, 1), (1, 60)])
@pytest.mark.parametrize("leaks", [0, 1])
def test_a_large_fleet_is_folded_and_never_wider_than_the_terminal(
    build: Any, namespaces: int, pods: int, leaks: int
) -> None:
    fleet = [f"team-{namespace}/pod-{pod}" for namespace in range(namespaces) for pod in range(pods)]

    def leaky(cell: CellRecord) -> dict[str, Any] | None:
        if leaks and (cell.source, cell.destination) == (fleet[7], fleet[-1]):
            return {"expected": "deny", "outcome": "connected"}
        return None

    text = render(build.run(build.scenario(build.step(build.mesh(fleet, seen=leaky)))), PLAIN)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("kubectl")]
    assert max(map(len, lines)) <= 80
    assert len(lines) < 60
    if leaks:
        assert rows(text)[fleet[7]] == ["X", "L"]
        assert f"LEAK {fleet[7]} -> {fleet[-1]} 80/TCP" in text
    elif namespaces < 10:
        assert re.search(r"^  team-0 +\.", text, re.MULTILINE)


def test_every_deviation_is_explained_with_its_evidence(red: RunRecord) -> None:
    text = render(red, PLAIN)
    block = text[text.index("LEAK development/backend -> production/frontend 443/TCP") :].split("\n\n")[0]
    assert "expected deny, but it connected" in block
    assert "observed connected in 0.8 ms; 2 attempts, all connected" in block
    assert "from 10.244.0.5 on node-1 to 10.244.1.3 on node-2" in block
    assert "the request arrived, from 10.244.0.5:40312" in block
    assert block.endswith(
        "    kubectl exec -n cp-ab12cd-development backend -c agent -- \\\n"
        "        python3 -m cni_probe_agent dial 10.244.1.3 443/TCP --timeout 1.5"
    )
    for word in ("BLOCKED", "MISROUTED", "WRONG-DENIAL", "INCONCLUSIVE", "UNSUPPORTED", "UNDEFINED"):
        assert f"  {word} production/" in text
    assert "the agent of production/worker was lost: stream closed, exit code 137" in text


def test_symbols_tell_verdicts_apart_without_colour(red: RunRecord) -> None:
    found = rows(render(red, PLAIN))
    assert found["production/backend"] == [".", ".BM_"]
    assert found["development/backend"] == ["X", "L"]
    assert found["production/worker"] == ["RX_.", "?", "W!_-", "?"]


def test_one_cause_is_told_once(build: Any) -> None:
    lost = {"outcome": "agent-error", "reason": "the agent of z/c was lost"}
    cells = [build.cell("z/c", f"x/{name}", port, **lost) for name in "abcdefghijkl" for port in ("80/TCP", "81/TCP")]
    text = render(build.run(build.scenario(build.step(cells))), PLAIN)
    assert text.count("the agent of z/c was lost") == 1
    assert "z/c -> x/a 80/TCP 81/TCP\n" in text
    assert "and 8 cells more" in text


def test_only_the_first_three_mismatches_of_a_kind_are_told_with_their_evidence(build: Any) -> None:
    cells = [build.cell(f"x/p{number}", "y/a", expected="deny", outcome="connected") for number in range(25)]
    text = render(build.run(build.scenario(build.step([*cells, build.cell("x/a", "y/a", outcome="refused")]))), PLAIN)
    assert text.count("  LEAK x/") == 4
    assert text.count("kubectl exec") == 4  # and one for what is blocked
    assert "  LEAK x/p3, x/p4, x/p5, x/p6, x/p7 and 17 more -> y/a 80/TCP\n" in text
    assert "these 22 cells each with its evidence: -o wide, -o html, -o json" in text


def test_families_that_look_alike_share_one_matrix(build: Any, nine_pods: Any) -> None:
    four = build.mesh(nine_pods, seen=one_allowed)
    six = [replace(cell, family=Family.IPV6) for cell in four]
    alike = render(build.run(build.scenario(build.step([*four, *six]))), PLAIN)
    assert alike.count("from \\ to") == 1
    assert "IPv4 and IPv6\n" in alike
    six[3] = replace(six[3], verdict=Verdict.BLOCKED)
    assert render(build.run(build.scenario(build.step([*four, *six]))), PLAIN).count("IPv6\n") >= 1


SERVICE_WAYS = ((Path.CLUSTER_IP, Via.SAME_PORT), (Path.CLUSTER_IP, Via.OTHER_PORT), (Path.NODE_PORT, Via.LOCAL))


def by_all_ways(cell: CellRecord, service: dict[str, Any] | None = None) -> list[CellRecord]:
    """The cell over both families, by its own address and through services; ``service``: what differs there."""
    ways = [(Path.POD_IP, Via.ONLY, {}), *((path, via, service or {}) for path, via in SERVICE_WAYS)]
    return [
        replace(cell, family=family, path=path, via=via, **more)
        for family in (Family.IPV4, Family.IPV6)
        for path, via, more in ways
    ]


def test_ways_that_look_alike_share_one_matrix_whose_title_lists_them_once(build: Any) -> None:
    text = render(build.run(build.scenario(build.step(by_all_ways(build.cell())))), PLAIN)
    assert "  IPv4 and IPv6, by pod-ip, cluster-ip and node-port/local\n  observed = expected\n" in text


def test_a_leak_by_several_ways_is_one_finding_with_the_evidence_of_the_first(build: Any) -> None:
    cells = by_all_ways(build.cell("x/a", "y/b", expected="deny", outcome="connected"))
    text = render(build.run(build.scenario(build.step(cells))), PLAIN)
    said = " ".join(text.split())
    assert "LEAK x/a -> y/b 80/TCP (IPv4 and IPv6, by pod-ip, cluster-ip and node-port/local)" in said
    assert text.count("kubectl exec") == 1
    assert "the first of these 8 cells (each by itself: -o json):\n" in text
    assert "FAIL 8 leaks: x/a reached y/b on 80/TCP, and 7 more" in text


def test_what_the_api_leaves_open_takes_a_line_and_no_matrix(build: Any) -> None:
    open_ = {
        "expected": Expectation.EITHER,
        "verdict": Verdict.UNDEFINED,
        "reason": "the API leaves it open; seen: timed-out",
    }
    cells = [
        cell
        for source in ("x/a", "x/b")
        for port in ("80/TCP", "81/UDP")
        for cell in by_all_ways(build.cell(source, "y/c", port), open_)
    ]
    text = render(build.run(build.scenario(build.step(cells))), PLAIN)
    assert text.count("from \\ to") == 1
    assert "  IPv4 and IPv6, by pod-ip\n" in text
    block = text[text.index("  UNDEFINED") :].split("\n\n")[0]
    assert [line.strip() for line in block.splitlines()] == [
        "UNDEFINED x/a and x/b -> y/c 80/TCP 81/UDP (IPv4 and IPv6, by cluster-ip and",
        "node-port/local)",
        "the API leaves it open; seen: timed-out",
    ]
    assert "--keep" not in text


def test_a_step_of_which_everything_is_left_open_is_drawn(build: Any) -> None:
    text = render(build.run(build.scenario(build.step([build.cell("x/a", "y/b", expected="either")]))), PLAIN)
    assert rows(text) == {"x/a": ["?"]}


def test_the_addresses_of_an_external_endpoint_are_columns_of_their_own(build: Any) -> None:
    inside = build.cell("x/a", "external/vault", "443/TCP", address="10.0.12.34")
    outside = build.cell("x/a", "external/vault", "443/TCP", "deny", address="192.0.2.7")
    text = render(build.run(build.scenario(build.step([inside, outside]))), PLAIN)
    assert rows(text)["x/a"] == [".", "X"]
    assert re.search(r"10\.0\.12\.34 +192\.0\.2\.7", text)


@pytest.mark.parametrize(
    ("cells", "heading"),
    [
        ([("80/SCTP", "allow", "unsupported")], "UNSUPPORTED 1 unsupported"),
        ([("80/TCP", "either", "refused")], "UNDEFINED 1 undefined"),
        ([("80/SCTP", "allow", "unsupported"), ("80/TCP", "either", None)], "UNDEFINED 1 unsupported, 1 undefined"),
        ([], "INCONCLUSIVE 0 cells"),
    ],
)
def test_a_step_of_which_nothing_could_be_judged_is_headed_by_why(build: Any, cells: Any, heading: str) -> None:
    """It is no doubt of the run's, whose exit code is that of its other steps; a step without a cell is one."""
    tried = [build.cell("x/a", "y/b", port, expected, outcome) for port, expected, outcome in cells]
    text = render(build.run(build.scenario(build.step(tried), build.step([build.cell()], name="other"))), PLAIN)
    assert f"  {heading}" in text
    assert "step 2 of 2: other" in text
    assert ("INCONCLUSIVE" in text) is not bool(cells)


def test_wide_characters_are_counted_as_the_columns_that_they_take(build: Any) -> None:
    words = "策略在每个节点上都必须生效" * 6
    step = build.step(
        [build.cell()], name=f"{words} ok", description=f"{words} 網路 {'한국어 ' * 30}", problems=[words]
    )
    record = build.run(build.scenario(step, description=words), notes=[words])
    for width in (80, 200):
        lines = render(record, RenderOptions(width)).splitlines()
        assert max(map(columns, lines)) <= width
        assert max(map(columns, lines)) > width - 3  # and no narrower
    assert words in "".join("".join(lines).split())


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("pods", [9, 60])
def test_names_of_any_length_keep_within_the_terminal(build: Any, width: int, pods: int) -> None:
    """Names of 63 characters, leaks among them; sixty pods are folded by namespace where they do not fit."""
    fleet = [f"{'team-' * 10}{number % 3}/{'pod-' * 14}{number:02}" for number in range(pods)]
    leaky = {"expected": "deny", "outcome": "connected"}
    cells = build.mesh(fleet, ("80/TCP", "443/TCP"), lambda cell: leaky if cell.destination == fleet[1] else None)
    text = render(build.run(build.scenario(build.step(cells))), RenderOptions(width))
    lines = [line for line in text.splitlines() if "kubectl" not in line]
    breakable = [line for line in lines if max(map(len, line.split()), default=0) < 64]  # a name is never broken
    assert max(map(len, breakable)) <= width
    assert len(lines) < 150


def test_problems_and_what_was_not_completed_are_said(build: Any) -> None:
    step = build.step([build.cell()], completed=False, problems=["the agent\nwas slow"])
    record = build.run(
        build.scenario(step, completed=False, problems=["pod x/a: ImagePullBackOff"]), problems=["no API"]
    )
    text = render(record, PLAIN)
    ending = text[text.index("INCONCLUSIVE: 1 cell in 1 step measured, but 5 problems seen") :]
    for problem in ("! no API", "pod x/a: ImagePullBackOff", "the agent was slow", "the scenario was not completed"):
        assert problem in ending
    assert "exit code 3" in ending


def test_an_interrupted_run_says_so_first_and_keeps_a_leak_in_sight(green: RunRecord, red: RunRecord) -> None:
    for record, expected in ((green, "INTERRUPTED after 54 cells in 2 steps"), (red, "INTERRUPTED, and 1 leak")):
        text = render(replace(record, interrupted=True, exit_code=130), PLAIN)
        assert expected in text
        assert "exit code 130: interrupted" in text


def test_a_run_without_a_single_cell_is_not_called_a_pass(build: Any) -> None:
    text = render(build.run(), PLAIN)
    assert text.startswith("INCONCLUSIVE: not one cell was proven")
    assert "PASS" not in text


def test_colour_only_repeats_what_the_characters_say(red: RunRecord) -> None:
    plain, coloured = render(red, PLAIN), render(red, replace(PLAIN, colour=True))
    assert "\x1b" not in plain
    assert "\x1b[1;31mL\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_run_that_found_no_cluster_says_what_was_wrong() -> None:
    recorder = Recorder()
    recorder.see(ProblemSeen("cannot reach https://127.0.0.1:1: refused"))
    recorder.see(RunDone("2026-11-20T10:00:09Z", 0.2, False))
    assert render(recorder.record(), PLAIN).splitlines() == [
        "INCONCLUSIVE: not one cell was proven",
        "  ! cannot reach https://127.0.0.1:1: refused",
        "  0 cells; 200 ms",
        "  exit code 3: not everything could be measured; this proves nothing about what",
        "  is missing",
    ]

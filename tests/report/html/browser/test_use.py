"""What people do with the page: filter, open evidence, follow flows, by mouse and by keyboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.remote.webelement import WebElement

from probe.model.cell import Family, Path, Via
from probe.model.record import Attempt, DecisionRecord, PolicyRecord, RunRecord, Topology
from tests.report.html.browser.chromium import Page

pytestmark = pytest.mark.browser

FRONTEND, BACKEND, OTHER = "production/frontend", "production/backend", "development/backend"
POLICY = "production/frontend-policy"
MANIFEST = {"kind": "NetworkPolicy", "metadata": {"name": "frontend-policy"}, "spec": {"podSelector": {}}}


@pytest.fixture
def leaking(build: Any) -> RunRecord:
    """A step before a policy, and one after it in which 443/TCP leaks, over two families and two paths."""

    def seen(cell: Any) -> dict[str, Any] | None:
        if cell.destination != FRONTEND or cell.source == FRONTEND:
            return {"topology": Topology.SAME_NODE}
        decided = {"decided_by": [POLICY], "expected": "deny"}
        if cell.port == 443:
            sentence = f"{cell.source} to {FRONTEND} on 443/TCP is denied: no rule allows it"
            decision = DecisionRecord("deny", sentence, [], [f"{POLICY} ingress[0]"])
            return decided | {"outcome": "connected", "decision": decision}
        return {"decided_by": [f"{POLICY} ingress[0]"]} if cell.source == BACKEND else decided

    cells = build.mesh((FRONTEND, BACKEND, OTHER), ("80/TCP", "443/TCP"), seen)
    six = [
        replace(cell, family=Family.IPV6, path=Path.CLUSTER_IP, via=Via.SAME_PORT)
        for cell in cells
        if cell.source == BACKEND
    ]
    before = build.step(build.mesh((FRONTEND, BACKEND, OTHER), ("80/TCP", "443/TCP")), name="open", changes=[])
    applied = PolicyRecord(POLICY, "NetworkPolicy", MANIFEST, changed=True)
    record: RunRecord = build.run(build.scenario(before, build.step([*cells, *six], policies=[applied])))
    return record


def said(element: WebElement, attribute: str) -> str:
    return element.get_attribute(attribute) or ""


def shown(page: Page) -> str:
    return page.text("#shown")


def test_the_answer_is_there_and_the_worst_step_is_open(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    assert page.text("h1").startswith("FAIL 3 leaks: ")
    assert page.text("#step option:checked") == "2. frontend-policy (FAIL)"
    assert shown(page) == "24 cells"


FILTERS = {
    ("verdict", "leak"): 3,
    ("verdict", "not as expected"): 3,
    ("verdict", "pass"): 21,
    ("from", "development"): 6,
    ("to", "production"): 16,
    ("port", "443/TCP"): 12,
    ("way", "cluster-ip/same-port"): 6,
    ("family", "IPv6"): 6,
    ("topology", "same-node"): 18,
    ("policy", POLICY): 6,
}


def test_filters_leave_the_cells_that_fit(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    found = {}
    for field, choice in FILTERS:
        page.choose(f"#filter-{field}", choice)
        found[field, choice] = int(shown(page).removesuffix(" of 24 cells"))
        page.click("#clear")
        assert shown(page) == "24 cells"
    assert found == FILTERS


def test_filters_add_up_and_may_leave_nothing(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    page.choose("#filter-verdict", "leak")
    page.choose("#filter-family", "IPv4")
    assert shown(page) == "2 of 24 cells"
    assert [place.text for place in page.all("#tables table:last-of-type .place [aria-hidden]")][-1] == "L"
    page.choose("#filter-from", "production")
    page.choose("#filter-port", "80/TCP")
    assert page.text("#tables") == "No cell fits these filters."


def test_a_place_opens_the_evidence_of_its_cells(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    page.choose("#filter-family", "IPv4")
    page.click(f".place[data-ends='{BACKEND} → {FRONTEND}'][data-symbol=L]")
    evidence = page.text("#evidence")
    assert evidence.startswith(f"{BACKEND} → {FRONTEND} Close leak 443/TCP")
    for words in (
        "expected deny", "observed connected in 0.8 ms", "reason expected deny, but it connected",
        f"policies say {BACKEND} to {FRONTEND} on 443/TCP is denied: no rule allows it", f"decided by {POLICY}",
        f"nearest misses {POLICY} ingress[0]", "from 10.244.0.5 on node-1", "to 10.244.1.3 on node-2",
        "receipt the request arrived, from 10.244.0.5:40312", f"answered by uid-of-{FRONTEND}",
        "2 attempts", "converge 20 ms connected 1.0 ms", "confirm 600 ms connected 1.0 ms",
        "kubectl exec -n cp-ab12cd-production backend -c agent -- python3 -m cni_probe_agent dial",
    ):  # fmt: skip
        assert words in evidence
    page.keys(Keys.ESCAPE)
    assert not page.all("dialog[open]")
    assert said(page.focused(), "class").startswith("place")


def test_a_finding_opens_the_very_cell_that_it_is_about(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    page.click("#findings button")
    assert page.text("#evidence").startswith(f"{BACKEND} → {FRONTEND} Close leak 443/TCP")


def test_the_keyboard_is_enough(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    page.keys(Keys.TAB)
    assert page.focused().text == "Skip to the steps"
    page.keys(Keys.ENTER)
    page.tab_to("#filter-verdict")
    page.tab_to("table.matrix .place")
    first = said(page.focused(), "data-ends")
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    second = said(page.focused(), "data-ends")
    assert first == f"{OTHER} → {OTHER}"
    assert second == f"{BACKEND} → {BACKEND}"
    page.keys(Keys.ENTER)
    assert page.all("dialog[open]")
    assert page.focused().text == "Close"
    page.keys(Keys.ESCAPE)
    assert said(page.focused(), "data-ends") == second
    page.tab_to("#graphs .node")
    page.keys(Keys.ARROW_RIGHT, Keys.ENTER)
    assert page.text("#radius").startswith("Blast radius of ")
    assert said(page.focused(), "aria-pressed") == "true"


def test_a_policy_shows_its_manifest_and_its_cells(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    page.click(".policy summary")
    told = page.text(".policy")
    assert "applied in this step decides 6 cells" in told
    assert "kind: NetworkPolicy metadata: name: frontend-policy" in told
    assert f"ingress[0] {BACKEND} → {FRONTEND} 80/TCP: allow, connected" in told
    page.click(".policy button")
    assert shown(page) == "6 of 24 cells"


@pytest.fixture
def chain(build: Any) -> RunRecord:
    """a reaches b reaches c reaches d reaches e, and nothing else; before, everybody reaches everybody."""
    pods = [f"n/{pod}" for pod in "abcde"]

    def seen(cell: Any) -> dict[str, Any] | None:
        forward = pods.index(cell.destination) - pods.index(cell.source) == 1
        return None if forward else {"expected": "deny"}

    before, after = build.step(build.mesh(pods), name="open", changes=[]), build.step(build.mesh(pods, seen=seen))
    record: RunRecord = build.run(build.scenario(before, after))
    return record


def test_the_blast_radius_of_a_pod_goes_three_hops_far(page: Page, chain: RunRecord) -> None:
    page.open(chain)
    page.choose("#pod", "n/a")
    before, after = (" ".join(part.text.split()) for part in page.all("#radius .graphs > div"))
    assert "reaches directly n/b (80/TCP), n/c (80/TCP), n/d (80/TCP) and n/e (80/TCP)" in before
    assert "reaches directly n/b (80/TCP) reaches in two hops n/c reaches in three hops n/d" in after
    assert "n/e" not in after
    assert "is reached by nothing that was tried" in after
    hops = {
        node.get_attribute("data-id"): node.get_attribute("class") for node in page.all("figure:last-of-type .node")
    }
    assert "hop3" in (hops["n/d"] or "")
    assert "far" in (hops["n/e"] or "")


def test_a_node_of_the_graph_can_be_clicked_and_who_reaches_it_is_said(page: Page, chain: RunRecord) -> None:
    page.open(chain)
    page.click("figure:last-of-type .node[data-id='n/d'] circle")
    _, after = (" ".join(part.text.split()) for part in page.all("#radius .graphs > div"))
    assert "is reached by directly n/c (80/TCP) is reached by in two hops n/b is reached by in three hops n/a" in after
    page.click("figure:last-of-type .node[data-id='n/d'] circle")
    assert page.text("#radius") == ""


def test_the_graph_has_a_line_for_what_connects_and_another_for_what_is_not_as_expected(
    page: Page, leaking: RunRecord, build: Any
) -> None:
    page.open(leaking)
    assert len(page.all("figure:last-of-type .flow.leak")) == 2
    assert page.all("figure:first-of-type .flow.allowed")
    assert not page.all("figure:first-of-type .flow.leak")
    blocked = build.cell(BACKEND, FRONTEND, "80/TCP", "allow", "timed-out")
    page.open(build.run(build.scenario(build.step([blocked]))))
    assert [line.text for line in page.all(".flow.blocked text")][:1] == ["B"]
    assert "blocked: expected to connect, and does not" in page.text("#key")


def test_only_what_was_tried_counts_and_that_is_said(page: Page, build: Any) -> None:
    page.open(
        build.run(build.scenario(build.step([build.cell("n/a", "n/b")]), pods=[build.pod("n/a"), build.pod("n/b")]))
    )
    page.choose("#pod", "n/a")
    assert "nothing was tried from n/b" in page.text("#radius")


def test_steps_can_be_walked_through(page: Page, leaking: RunRecord) -> None:
    page.open(leaking)
    assert said(page.one("#next"), "disabled")
    page.click("#previous")
    assert page.text("#step option:checked") == "1. open (PASS)"
    assert shown(page) == "18 cells"
    page.click("[data-step='0.1']")
    assert shown(page) == "24 cells"


def test_attempts_that_were_left_out_are_said(page: Page, build: Any) -> None:
    cell = build.cell(attempts=12, history=[Attempt("confirm", 1.0, build.cell().outcome, 0.1)])
    page.open(build.run(build.scenario(build.step([cell]))))
    page.click(".place")
    assert "12 attempts (1 shown" in page.text("#evidence")

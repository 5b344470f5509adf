"""What ships in ``scenarios/``, and the JSON Schema beside it."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from probe.cluster.services import other_ports
from probe.model.actions import Apply
from probe.model.cell import Expectation, Family
from probe.model.plan import Plan
from probe.model.scenario import Scenario
from probe.scenario import load_scenarios, make_plan, ways_needed
from probe.scenario.schema import scenario_schema

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(path for path in SCENARIOS.rglob("*.yaml") if path.parent.name not in ("policies", "fleets"))
FLEETS = sorted((SCENARIOS / "fleets").glob("*.yaml"))


@cache
def everything() -> list[Scenario]:
    """All that ships; loaded once, for it is much."""
    return load_scenarios([SCENARIOS])


def plan_of(name: str) -> Plan:
    (scenario,) = load_scenarios([SCENARIOS / name])
    return make_plan(scenario)


def denied(plan: Plan, step: int) -> set[str]:
    return {str(item.cell) for item in plan.steps[step].cells if item.expectation.denies}


def test_all_that_ships_is_valid() -> None:
    shipped = everything()
    assert {scenario.name for scenario in shipped if scenario.labels["suite"] != "conformance"} == {
        "backend-egress",
        "dns",
        "established",
        "first-moments",
        "frontend-ingress",
        "host-network",
        "lateral-movement",
        "least-privilege",
        "namespace-separation",
        "older-kinds",
        "services",
        "smoke",
        "tiers",
        "upgrade",
    }


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_published_schema_accepts_it(path: Path) -> None:
    schema = json.loads((SCENARIOS / "scenario.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in yaml.safe_load_all(path.read_text("utf-8")):
        jsonschema.Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("path", FLEETS, ids=[path.stem for path in FLEETS])
def test_the_published_schema_accepts_shared_fleets(path: Path) -> None:
    schema = json.loads((SCENARIOS / "fleet.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text("utf-8")))


def test_the_published_schema_is_current() -> None:
    assert json.loads((SCENARIOS / "scenario.schema.json").read_text("utf-8")) == scenario_schema()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Scenari"},
        {"extra": 1},
        {"spec": {"fleet": {"namespaces": {}}}},
        {"spec": {"fleet": {"namespaces": {}}, "steps": []}},
        {
            "spec": {
                "fleet": {"namespaces": {"a": {"pods": {"p": "80/TPC"}}}},
                "steps": [{"name": "a", "expect": "deny"}],
            }
        },
        {"spec": {"fleet": {"namespaces": {}}, "steps": [{"name": "a"}]}},
        {"spec": {"fleet": {"namespaces": {}}, "steps": [{"name": "a", "expect": "alow"}]}},
        {"spec": {"fleet": {"namespaces": {}}, "steps": [{"name": "a", "expect": {"rules": [{"verdict": "no"}]}}]}},
    ],
)
def test_the_schema_refuses_what_has_the_wrong_structure(change: dict[str, object]) -> None:
    document = yaml.safe_load(FILES[0].read_text("utf-8")) | change
    assert not jsonschema.Draft202012Validator(scenario_schema()).is_valid(document)


def test_every_key_is_described_in_the_schema() -> None:
    def keys(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [key for key, value in node.get("properties", {}).items() if not described(value)]
            return own + [key for value in node.values() for key in keys(value)]
        return [key for item in node for key in keys(item)] if isinstance(node, list) else []

    def described(value: dict[str, object]) -> bool:
        first = next(iter(value.get("anyOf", [{}])))  # type: ignore[call-overload]
        return bool({"description", "$ref"} & {*value, *first})

    assert keys(scenario_schema()) == []


def test_the_seeds_use_the_two_seed_policies() -> None:
    origins = {
        Path(action.origin).name
        for scenario in load_scenarios([SCENARIOS / "seeds"])
        for step in scenario.steps
        for action in step.actions
        if isinstance(action, Apply)
    }
    assert {"frontend-policy.yaml", "backend-egress-policy.yaml"} <= origins


def test_ingress_admits_only_the_backend_of_the_same_namespace_on_tcp_80() -> None:
    frontend = "production/frontend"
    assert denied(plan_of("seeds/ingress.yaml"), 1) == {
        f"production/backend -> {frontend} 443/TCP",
        f"production/backend -> {frontend} 80/UDP",
        f"development/backend -> {frontend} 80/TCP",
        f"development/backend -> {frontend} 443/TCP",
        f"development/backend -> {frontend} 80/UDP",
    }


def test_egress_leaves_the_backend_one_port_of_one_block() -> None:
    backend = "development/backend"
    assert denied(plan_of("seeds/egress.yaml"), 1) == {
        f"{backend} -> development/frontend 80/TCP",
        f"{backend} -> development/frontend 53/UDP",
        f"{backend} -> production/backend 80/TCP",
        f"{backend} -> external/vault (10.0.12.34) 80/TCP",
        f"{backend} -> external/vault (10.0.12.34) 443/UDP",
        f"{backend} -> external/edge (10.1.0.1) 443/TCP",
        f"{backend} -> external/internet (203.0.113.10) 443/TCP",
        f"{backend} -> external/internet (203.0.113.10) 80/TCP",
        f"{backend} -> external/internet (203.0.113.10) 53/UDP",
    }


def test_egress_expects_nothing_that_depends_on_the_addresses_of_pods() -> None:
    """A cluster may have its pods in 10.0.0.0/16, where the policy allows 443/TCP: no pod serves that."""
    (scenario,) = load_scenarios([SCENARIOS / "seeds/egress.yaml"])
    assert not [pod.id for pod in scenario.fleet.pods if "443/TCP" in map(str, pod.ports)]


def test_least_privilege_allows_the_required_flows_and_pods_to_themselves_only() -> None:
    plan = plan_of("seeds/least-privilege.yaml")
    allowed = Counter(
        (item.cell.source.partition("/")[0], item.cell.destination, item.cell.port)
        for item in plan.steps[2].cells
        if not item.expectation.denies and not item.cell.is_self
    )
    assert allowed == {
        ("edge", "shop/web-0", 80): 1,
        ("edge", "shop/web-1", 80): 1,
        ("shop", "shop/api", 8080): 2,
        ("shop", "shop/db", 5432): 1,
        ("shop", "dns/resolver", 53): 8,
    }


def judged(plan: Plan, step: int) -> dict[str, set[str]]:
    """Expectation -> the cells that it stands for, those that are only recorded left out."""
    found: dict[str, set[str]] = {}
    for item in plan.steps[step].cells:
        if item.expectation is not Expectation.EITHER:
            found.setdefault(str(item.expectation), set()).add(str(item.cell))
    return found


def test_policies_hold_through_services_and_speak_of_the_target_port() -> None:
    plan = plan_of("paths/services.yaml")
    doors = ("", " via cluster-ip/same-port", " via cluster-ip/other-port")
    from_web = {f"shop/web -> shop/api 8080/TCP{door}" for door in doors}
    everything = {
        f"shop/{source} -> shop/api 8080/{protocol}{door}"
        for source in ("web", "batch")
        for protocol in ("TCP", "UDP")
        for door in doors
    }
    assert judged(plan, 1) == {"allow": from_web, "deny": everything - from_web}
    assert judged(plan, 2) == {"deny": everything}
    assert judged(plan, 3)["deny"] == {f"shop/web -> shop/api 8080/UDP{door}" for door in doors}
    assert judged(plan, 4)["deny"] == {cell for cell in everything if cell.startswith("shop/web")}


@pytest.mark.parametrize("step", [0, -1])
def test_without_policies_every_way_to_the_services_must_work(step: int) -> None:
    cells = plan_of("paths/services.yaml").steps[step].cells
    assert {item.expectation for item in cells} == {Expectation.ALLOW}
    assert len({item.cell.way for item in cells}) == 6


def test_the_mistaken_policies_list_the_port_that_the_services_really_have() -> None:
    (scenario,) = load_scenarios([SCENARIOS / "paths/services.yaml"])
    (api,) = (pod for pod in scenario.fleet.pods if pod.ports)
    policies = [
        action.manifest["spec"] for step in scenario.steps for action in step.actions if isinstance(action, Apply)
    ]
    listed = [spec.get("ingress", spec.get("egress"))[0]["ports"][0]["port"] for spec in policies]
    assert listed == [8080, other_ports(api.ports)[8080], 8080, other_ports(api.ports)[8080]]


def test_an_egress_policy_that_forgets_dns_cuts_it_off_and_a_rule_for_both_protocols_brings_it_back() -> None:
    plan = plan_of("paths/dns.yaml")
    pods = ("shop/web", "shop/db")
    assert [denied(plan, step) for step in range(4)] == [
        set(),
        {f"{pod} -> cluster/dns 53/{protocol}" for pod in pods for protocol in ("UDP", "TCP")},
        {f"{pod} -> cluster/dns 53/TCP" for pod in pods},
        set(),
    ]


def test_what_policies_do_on_the_hosts_network_is_recorded_and_not_judged() -> None:
    plan = plan_of("paths/host-network.yaml")
    on_host = {pod.id for pod in plan.scenario.fleet.pods if pod.host_network}
    assert len(on_host) == 2
    assert all(item.expectation is Expectation.ALLOW for item in plan.steps[0].cells)
    for step in plan.steps[1:]:
        for item in step.cells:
            touched = item.cell.source in on_host or item.cell.destination in on_host
            assert (item.expectation is Expectation.EITHER) is touched
    assert [denied(plan, step) for step in (1, 2)] == [{"shop/web -> shop/api 8080/TCP"}] * 2


def test_few_scenarios_need_pods_on_the_network_of_nodes() -> None:
    needing = {scenario.name for scenario in everything() if ways_needed(make_plan(scenario)).host_network}
    tiers = {f"egress-to-nodes[{tier}]" for tier in ("Admin", "Baseline")}
    assert needing == {"host-network", "own-node-reaches-its-pods", *tiers}


def test_the_smoke_test_is_small_and_needs_nothing_outside_the_cluster() -> None:
    (scenario,) = load_scenarios([SCENARIOS / "smoke"])
    assert len(scenario.fleet.pods) <= 4
    assert scenario.fleet.externals == ()
    assert {port.protocol for pod in scenario.fleet.pods for port in pod.ports} == {"TCP", "UDP"}


@pytest.mark.parametrize("family", Family)
def test_every_step_tries_something_whatever_the_clusters_family(family: Family) -> None:
    for scenario in everything():
        assert all(step.cells for step in make_plan(scenario, [family]).steps)


def test_the_examples_of_the_reference_are_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (SCENARIOS / "README.md").read_text("utf-8"), re.DOTALL)
    scenario, fleet, sharing, established, race, computed, table, paths, matrix = blocks

    def indented(text: str) -> str:
        return "".join(f"      {line}\n" for line in text.splitlines())

    step = "    - name: as a table\n" + indented(table).replace("expect:\n", "expect:\n        default: allow\n")
    step += "    - name: by other ways\n" + indented(paths)
    assert "established: {to: shop/server" in established
    assert "start-race:" in race
    policy = (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: api, namespace: shop}, "
        "spec: {podSelector: {matchLabels: {app: api}}}}"
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/api.yaml").write_text(policy, "utf-8")
    (tmp_path / "policies/web.yaml").write_text(
        policy.replace("name: api", "name: web").replace("app: api", "app: web"), "utf-8"
    )
    pods = "  fleet: {namespaces: {shop: {pods: {web: {labels: {app: web}, ports: 80}, stranger: }}}}\n"
    pods_and_ports = pods.replace("stranger: ", "job: , api: [80, 81]")
    head = "apiVersion: cni-probe/v1\nkind: Scenario\nmetadata: {name: computed}\n"
    (tmp_path / "computed.yaml").write_text(head + computed.replace("spec:\n", f"spec:\n{pods}"), "utf-8")
    assert load_scenarios([tmp_path / "computed.yaml"])[0].steps[0].name == "open"
    (tmp_path / "matrix.yaml").write_text(
        head.replace("computed", "reached-by") + matrix.replace("spec:\n", f"spec:\n{pods_and_ports}", 1), "utf-8"
    )
    assert [(each.name, [step.name for step in each.steps]) for each in load_scenarios([tmp_path / "matrix.yaml"])] == [
        (f"reached-by[{port}]", ["two peers [clients+jobs]", "two peers [clients+nobody]"]) for port in (80, 81)
    ]
    (tmp_path / "example.yaml").write_text(scenario + step, "utf-8")
    assert len(load_scenarios([tmp_path / "example.yaml"])[0].steps) == 4

    def around(name: str, text: str) -> Path:
        head = f"apiVersion: cni-probe/v1\nkind: Scenario\nmetadata: {{name: {name}}}\nspec:\n"
        head += "  steps: [{name: open, expect: allow}]\n"
        path = tmp_path / "scenarios" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(head + "".join(f"  {line}\n" for line in text.splitlines()), "utf-8")
        return path

    (placed,) = load_scenarios([around("placed", fleet)])
    assert [pod.id for pod in placed.fleet.pods if pod.host_network] == ["shop/exporter"]
    shared = (
        "apiVersion: cni-probe/v1\nkind: Fleet\nspec: {namespaces: {shop: {pods: {web: 80, api: {ports: 8080}}}}}\n"
    )
    (tmp_path / "fleets").mkdir()
    (tmp_path / "fleets/shop.yaml").write_text(shared, "utf-8")
    (taken,) = load_scenarios([around("taken", sharing)])
    assert [(pod.id, dict(pod.labels)) for pod in taken.fleet.pods][1:] == [
        ("shop/api", {"stage": "canary"}),
        ("shop/batch", {}),
    ]

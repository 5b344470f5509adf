"""Services and node ports as paths of their own: every way is tried and denied, and what breaks is never a denial."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import WAYS, ExitCode, Family, Outcome, Verdict, Via
from probe.model.cell import Path as ProbePath
from probe.model.events import BaselineDone, Event, FleetReady, RunDone, StepDone, StepStarted
from probe.model.record import RunRecord
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios
from tests.sandbox.run.conftest import by_way

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: paths}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {node: a}
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP], node: b}
          decoy: {ports: [80/TCP, 53/UDP], node: a}
  probe: {from: shop/client, to: [shop/server, shop/decoy], paths: PATHS}
  timeouts: {baseline: 3s, converge: 2s}
  steps:
    - name: open
      expect: allow
    - name: closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: closed, namespace: shop}
        spec: {podSelector: {matchLabels: {app: APP}}, policyTypes: [Ingress]}
      expect:
        default: allow
        rules:
          - {to: "shop/*", path: "*", verdict: allow}
          - {to: shop/server, path: "*", verdict: deny}
"""

SERVER = "shop/client -> shop/server 80/TCP via "
DECOY = "shop/client -> shop/decoy 80/TCP via "
DIRECT = ("pod-ip",)
CLUSTER_IP = ("cluster-ip/same-port", "cluster-ip/other-port")
NODE_PORT = ("node-port/cluster", "node-port/other-node", "node-port/local")


@pytest.fixture
def paths(tmp_path: Path) -> Callable[..., Path]:
    """A client of a server, which the second step isolates, and of a decoy on the client's node."""

    def write(paths: str = "[pod-ip, cluster-ip]", app: str = "server") -> Path:
        path = tmp_path / "paths.yaml"
        path.write_text(SCENARIO.replace("PATHS", paths).replace("APP", app))
        return path

    return write


def at(step: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Do something when a step is about to change the cluster."""

    def hook(event: Event) -> None:
        if isinstance(event, StepStarted) and event.name == step:
            act()

    return hook


def services(cluster: Any) -> dict[str, Any]:
    """The harness's Services in the run's namespace, by name."""
    listed = cluster.request("GET", f"/api/v1/namespaces/{cluster.namespaces['shop']}/services")
    return {item["metadata"]["name"]: item for item in listed["items"]}


def service_path(cluster: Any, name: str) -> str:
    return f"/api/v1/namespaces/{cluster.namespaces['shop']}/services/{name}"


def lead_to(cluster: Any, name: str, pod: str) -> None:
    """Point a Service at another pod of the run."""
    service = services(cluster)[name]
    service["spec"]["selector"] = {"cni-probe.dev/pod": f"shop.{pod}"}
    cluster.request("PUT", service_path(cluster, name), service)


async def test_every_way_connects_and_is_denied(run_it: Any, paths: Any, cluster: Any) -> None:
    made: dict[str, Any] = {}
    record = await run_it(paths("['*']"), hook=at("closed", lambda: made.update(services(cluster))))
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    assert set(record.counts) == {Verdict.PASS}
    opened, closed = by_way(record, "open"), by_way(record, "closed")
    for way in DIRECT + CLUSTER_IP + NODE_PORT:
        assert opened[SERVER + way].outcome is Outcome.CONNECTED
        assert closed[SERVER + way].outcome is Outcome.TIMED_OUT
        assert closed[DECOY + way].outcome is Outcome.CONNECTED
        receipt = closed[SERVER + way].receipt
        assert receipt is not None
        assert receipt.arrived is False
    assert set(made) == {f"cni-probe-{kind}-{pod}" for kind in ("ip", "nodes", "local") for pod in ("server", "decoy")}
    assert all(it["metadata"]["labels"]["cni-probe.dev/run"] == record.run for it in made.values())


async def test_what_was_dialled_is_in_the_record(run_it: Any, paths: Any, cluster: Any) -> None:
    made: dict[str, Any] = {}
    record = await run_it(
        paths("['*']", app="nobody"), trust_scenarios=True, hook=at("closed", lambda: made.update(services(cluster)))
    )
    cells = by_way(record, "open")
    own, address = cluster.addresses["shop/server"], made["cni-probe-ip-server"]["spec"]["clusterIP"]
    assert cells[SERVER + "pod-ip"].dialled == f"{own}:80"
    assert cells[SERVER + "cluster-ip/same-port"].dialled == f"{address}:80"
    assert cells[SERVER + "cluster-ip/other-port"].dialled == f"{address}:10080"
    assert {cells[SERVER + way].destination_address for way in DIRECT + CLUSTER_IP + NODE_PORT} == {own}
    numbers = {
        name: next(it["nodePort"] for it in made[name]["spec"]["ports"] if it["protocol"] == "TCP")
        for name in ("cni-probe-nodes-server", "cni-probe-local-server")
    }
    hosts, ports = zip(*(str(cells[SERVER + way].dialled).split(":") for way in NODE_PORT), strict=True)
    assert hosts[0] == hosts[2] != hosts[1]
    assert [int(port) for port in ports] == [
        numbers["cni-probe-nodes-server"],
        numbers["cni-probe-nodes-server"],
        numbers["cni-probe-local-server"],
    ]
    # What a leak's reader is told to repeat is the service's address, too.
    leak = by_way(record, "closed")[SERVER + "cluster-ip/other-port"]
    assert leak.verdict is Verdict.LEAK
    assert f"dial {address} 10080/TCP " in leak.repeat


async def test_a_service_that_is_gone_is_inconclusive(run_it: Any, paths: Any, cluster: Any) -> None:
    """Nothing leads to the pod any more, which nobody told the run: the refusal is no policy's."""
    delete = at("closed", lambda: cluster.delete(service_path(cluster, "cni-probe-ip-server")))
    record = await run_it(paths(), hook=delete)
    cells = by_way(record, "closed")
    assert cells[SERVER + "pod-ip"].verdict is Verdict.PASS
    for way in CLUSTER_IP:
        assert cells[SERVER + way].verdict is Verdict.INCONCLUSIVE
        assert "the service of shop/server is broken: it is gone" in cells[SERVER + way].reason
        assert cells[DECOY + way].verdict is Verdict.PASS
    assert record.exit_code == ExitCode.HARNESS


async def test_a_service_that_is_gone_does_not_look_blocked_by_a_policy(run_it: Any, paths: Any, cluster: Any) -> None:
    record = await run_it(
        paths(), hook=at("closed", lambda: cluster.delete(service_path(cluster, "cni-probe-ip-decoy")))
    )
    cells = by_way(record, "closed")
    for way in CLUSTER_IP:
        assert cells[DECOY + way].verdict is Verdict.INCONCLUSIVE
        assert "it is gone" in cells[DECOY + way].reason


async def test_a_service_that_leads_nowhere_is_inconclusive(run_it: Any, paths: Any, cluster: Any) -> None:
    lose = at("closed", lambda: lead_to(cluster, "cni-probe-ip-server", "nobody"))
    record = await run_it(paths(), hook=lose)
    cells = by_way(record, "closed")
    assert cells[SERVER + "pod-ip"].verdict is Verdict.PASS
    for way in CLUSTER_IP:
        assert cells[SERVER + way].verdict is Verdict.INCONCLUSIVE
        assert "its selector was changed" in cells[SERVER + way].reason
    assert record.exit_code == ExitCode.HARNESS


async def test_a_service_that_leads_to_somebody_else_is_misrouted(run_it: Any, paths: Any, cluster: Any) -> None:
    """The pod that answers is none that a policy isolates: that is no leak, and no pass either."""
    divert = at("open", lambda: lead_to(cluster, "cni-probe-ip-server", "decoy"))
    record = await run_it(paths(), hook=divert)
    for step in ("open", "closed"):
        for way in CLUSTER_IP:
            cell = by_way(record, step)[SERVER + way]
            assert cell.verdict is Verdict.MISROUTED
            assert "shop/decoy" in cell.reason
        assert by_way(record, step)[SERVER + "pod-ip"].verdict is Verdict.PASS
    assert record.exit_code == ExitCode.MISMATCH


async def test_a_dead_backend_is_inconclusive_on_every_path(run_it: Any, paths: Any, cluster: Any) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, BaselineDone):
            cluster.signal_agent("shop/server", signal.SIGSTOP)

    record = await run_it(paths("['*']"), hook=stop)
    cells = by_way(record, "closed")
    for way in DIRECT + CLUSTER_IP + NODE_PORT:
        assert cells[SERVER + way].verdict is Verdict.INCONCLUSIVE
        assert "not proven alive" in cells[SERVER + way].reason
    assert record.exit_code == ExitCode.HARNESS


async def test_a_path_to_a_service_that_breaks_after_its_control_is_inconclusive(
    run_it: Any, paths: Any, cluster: Any
) -> None:
    """The Service is as it was, its pod answers, and a policy is there; only what translates its address is broken."""

    def cut() -> None:
        address = services(cluster)["cni-probe-ip-server"]["spec"]["clusterIP"]
        assert cluster.in_network_of("shop/client", "ip", "route", "add", "prohibit", f"{address}/32")

    record = await run_it(paths("[cluster-ip]", app="nobody"), trust_scenarios=True, hook=at("closed", cut))
    for way in CLUSTER_IP:
        cell = by_way(record, "closed")[SERVER + way]
        assert cell.verdict is Verdict.INCONCLUSIVE
        assert "stayed silent when the policies were lifted" in cell.reason
    assert record.exit_code == ExitCode.HARNESS


async def test_a_path_that_rejects_by_itself_is_no_wrong_denial(run_it: Any, paths: Any, cluster: Any) -> None:
    """A policy was to drop, and what is seen is a reject: but not of a policy, as the closing control shows."""

    def cut() -> None:
        address = services(cluster)["cni-probe-ip-server"]["spec"]["clusterIP"]
        assert cluster.in_network_of("shop/client", "ip", "route", "add", "prohibit", f"{address}/32")

    file = paths("[cluster-ip]", app="nobody")
    file.write_text(file.read_text().replace("verdict: deny", "verdict: drop"))
    record = await run_it(file, trust_scenarios=True, hook=at("closed", cut))
    for way in CLUSTER_IP:
        cell = by_way(record, "closed")[SERVER + way]
        assert cell.verdict is Verdict.INCONCLUSIVE
        assert "stayed silent when the policies were lifted" in cell.reason
    assert record.exit_code == ExitCode.HARNESS


async def test_a_service_is_not_believed_after_its_container_was_restarted(
    run_it: Any, paths: Any, cluster: Any
) -> None:
    """Nodes hear that it is back each in its own time, here after the denial was judged and before the control."""
    address = ""

    def hook(event: Event) -> None:
        nonlocal address
        if isinstance(event, StepDone) and event.record.name == "open":
            address = services(cluster)["cni-probe-ip-server"]["spec"]["clusterIP"]
            cluster.signal_agent("shop/server", signal.SIGKILL)
            assert cluster.in_network_of("shop/client", "ip", "route", "add", "prohibit", f"{address}/32")
        elif isinstance(event, StepDone) and address:
            cluster.in_network_of("shop/client", "ip", "route", "delete", "prohibit", f"{address}/32")

    record = await run_it(paths("[cluster-ip]", app="nobody"), trust_scenarios=True, hook=hook)
    for way in CLUSTER_IP:
        cell = by_way(record, "closed")[SERVER + way]
        assert cell.verdict is Verdict.INCONCLUSIVE
        assert "to its present container" in cell.reason
    assert record.exit_code == ExitCode.HARNESS


async def test_services_that_cannot_be_made_end_the_scenario_with_their_cause(
    run_it: Any, paths: Any, cluster: Any
) -> None:
    def squat(event: Event) -> None:
        if isinstance(event, FleetReady):
            body = {"metadata": {"name": "cni-probe-ip-server"}, "spec": {"ports": [{"port": 1}]}}
            cluster.request("POST", f"/api/v1/namespaces/{cluster.namespaces['shop']}/services", body)

    record = await run_it(paths(), hook=squat)
    (problem,) = record.scenarios[0].problems
    assert "1 of 2 services were not made: shop/server: " in problem
    assert "already exists" in problem
    assert record.exit_code == ExitCode.HARNESS
    assert cluster.leftovers() == []


async def test_a_quota_that_has_no_room_for_services_is_named(run_it: Any, paths: Any, cluster: Any) -> None:
    def limit(event: Event) -> None:
        if isinstance(event, FleetReady):
            body = {"metadata": {"name": "few-node-ports"}, "spec": {"hard": {"services.nodeports": "0"}}}
            cluster.request("POST", f"/api/v1/namespaces/{cluster.namespaces['shop']}/resourcequotas", body)

    record = await run_it(paths("[cluster-ip, node-port/local]"), hook=limit)
    (problem,) = record.scenarios[0].problems
    assert "2 of 4 services were not made: " in problem
    assert "exceeded quota: few-node-ports" in problem
    assert record.exit_code == ExitCode.HARNESS


async def test_a_service_that_lost_its_backend_is_inconclusive(run_it: Any, paths: Any, cluster: Any) -> None:
    """The pod lost the label that its service selects: the service is as it was made, the pod is well, and no policy
    refuses anything."""

    def relabel() -> None:
        path = f"/api/v1/namespaces/{cluster.namespaces['shop']}/pods/server"
        pod = cluster.request("GET", path)
        pod["metadata"]["labels"]["cni-probe.dev/pod"] = "somebody-else"
        cluster.request("PUT", path, pod)

    record = await run_it(paths(), hook=at("closed", relabel))
    cells = by_way(record, "closed")
    assert cells[SERVER + "pod-ip"].verdict is Verdict.PASS
    for way in CLUSTER_IP:
        assert cells[SERVER + way].verdict is Verdict.INCONCLUSIVE
        assert "it has no ready endpoint" in cells[SERVER + way].reason


async def test_each_family_takes_every_way_by_its_own_addresses(state_directory: Path, paths: Any) -> None:
    record = await run_in(SandboxOptions(families=(Family.IPV4, Family.IPV6)), paths("[cluster-ip, node-port]"))
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    for step in record.scenarios[0].steps:
        tried = {(cell.family, cell.path, cell.via) for cell in step.cells if cell.verdict is Verdict.PASS}
        assert tried == {
            (f, p, via) for f in Family for p in (ProbePath.CLUSTER_IP, ProbePath.NODE_PORT) for via in WAYS[p]
        }
        assert all(str(cell.dialled).startswith("[") == (cell.family is Family.IPV6) for cell in step.cells)


async def test_one_node_has_no_other(state_directory: Path, paths: Any) -> None:
    record = await run_in(SandboxOptions(nodes=1), paths("[node-port]"))
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    other = [cell for cell in record.scenarios[0].steps[1].cells if cell.via is Via.OTHER_NODE]
    assert {cell.verdict for cell in other} == {Verdict.UNSUPPORTED}
    assert "there is no other node than " in other[0].reason
    assert record.counts == {Verdict.UNSUPPORTED: 8, Verdict.PASS: 16}


async def run_in(options: SandboxOptions, *files: Path) -> RunRecord:
    """Run scenario files in a sandbox of its own."""
    recorder = Recorder()
    async with Sandbox.start(options) as sandbox, connect(str(sandbox.kubeconfig)) as api:
        await run_scenarios(api, load_scenarios(files), RunOptions(), recorder.see)
    recorder.see(RunDone("2026-01-01T00:00:00Z", 0.0, False))
    return recorder.record()

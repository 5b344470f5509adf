"""Everything that peers mistake for "blocked": here it is inconclusive, and never a pass."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Verdict
from probe.model.events import BaselineDone, FleetReady, RoundDone, StepDone, StepStarted

pytestmark = pytest.mark.sandbox

DENIED = "shop/client -> shop/server 80/TCP"


async def test_without_interference_the_scenario_passes(run_it: Any, two_pods: Path, cells: Any) -> None:
    record = await run_it(two_pods)
    assert record.exit_code == ExitCode.PASSED, record.problems
    assert cells(record, "closed")[DENIED].verdict is Verdict.PASS
    assert set(record.counts) == {Verdict.PASS}


async def test_a_dead_responder_is_inconclusive(run_it: Any, two_pods: Path, cluster: Any, cells: Any) -> None:
    def kill_server(event: Any) -> None:
        if isinstance(event, BaselineDone):
            cluster.signal_agent("shop/server", signal.SIGSTOP)

    record = await run_it(two_pods, hook=kill_server)
    assert record.exit_code == ExitCode.HARNESS
    assert cells(record, "closed")[DENIED].verdict is Verdict.INCONCLUSIVE
    assert "not proven alive" in cells(record, "closed")[DENIED].reason


async def test_an_agent_killed_in_mid_step_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    killed = False

    def kill_client(event: Any) -> None:
        nonlocal killed
        if isinstance(event, RoundDone) and event.step == "closed" and not killed:
            killed = True
            cluster.signal_agent("shop/client", signal.SIGKILL)

    record = await run_it(two_pods, hook=kill_client)
    assert killed
    assert record.exit_code == ExitCode.HARNESS
    assert cells(record, "closed")[DENIED].verdict is Verdict.INCONCLUSIVE
    assert cells(record, "open")[DENIED].verdict is Verdict.PASS


async def test_a_responder_killed_in_mid_step_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    def kill_server(event: Any) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            cluster.signal_agent("shop/server", signal.SIGKILL)

    record = await run_it(two_pods, hook=kill_server)
    assert record.exit_code == ExitCode.HARNESS
    assert cells(record, "closed")[DENIED].verdict is Verdict.INCONCLUSIVE


async def test_a_pair_that_never_connected_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    def block(event: Any) -> None:
        if isinstance(event, FleetReady):
            cluster.deny_all("shop")
            while cluster.connects("shop/client", "shop/server", "80/TCP"):
                pass  # until the policy is in force: the baseline must not slip in before it

    record = await run_it(two_pods, hook=block)
    assert record.exit_code == ExitCode.HARNESS
    assert record.scenarios[0].baseline is not None
    assert record.scenarios[0].baseline.connected < record.scenarios[0].baseline.cells
    denied = cells(record, "closed")[DENIED]
    assert denied.verdict is Verdict.INCONCLUSIVE
    assert "never connected" in denied.reason


async def test_a_pod_deleted_behind_the_runs_back_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    def delete_server(event: Any) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            cluster.delete(f"/api/v1/namespaces/{cluster.namespaces['shop']}/pods/server")

    record = await run_it(two_pods, hook=delete_server)
    assert record.exit_code == ExitCode.HARNESS
    assert cells(record, "closed")[DENIED].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("moment", [FleetReady, BaselineDone])
async def test_nothing_is_left_behind_whatever_happened(
    run_it: Any, two_pods: Path, cluster: Any, moment: type
) -> None:
    def kill(event: Any) -> None:
        if isinstance(event, moment):
            cluster.signal_agent("shop/server", signal.SIGKILL)

    await run_it(two_pods, hook=kill)
    assert cluster.leftovers() == []


async def test_a_responder_that_lost_its_address_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    """As when its sandbox was made anew: the listeners are well, and nobody can reach them."""

    def move(event: Any) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            old = cluster.addresses["shop/server"]
            assert cluster.in_network_of("shop/server", "ip", "address", "add", "10.244.99.99/32", "dev", "eth0")
            assert cluster.in_network_of("shop/server", "ip", "address", "delete", f"{old}/32", "dev", "eth0")

    record = await run_it(two_pods, hook=move)
    assert record.exit_code == ExitCode.HARNESS
    denied = cells(record, "closed")[DENIED]
    assert denied.verdict is Verdict.INCONCLUSIVE
    assert "at its own address" in denied.reason


async def test_a_prober_without_a_network_is_inconclusive(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    """An unreachable network looks like a denial, but this one is the prober's own."""

    def unplug(event: Any) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            assert cluster.in_network_of("shop/client", "ip", "link", "set", "eth0", "down")

    record = await run_it(two_pods, hook=unplug)
    denied = cells(record, "closed")[DENIED]
    assert denied.verdict is Verdict.INCONCLUSIVE
    assert "no route" in denied.reason


NOBODY = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: nobody}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client:
          server: {ports: [80/TCP, 53/UDP]}
  probe: {from: shop/client, to: shop/server}
  timeouts: {baseline: 2s, converge: 2s}
  steps:
    - name: closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: selects-nobody, namespace: shop}
        spec: {podSelector: {matchLabels: {app: nobody}}, policyTypes: [Ingress]}
      expect: deny
"""


async def test_a_path_that_breaks_after_its_control_is_inconclusive(
    run_it: Any, tmp_path: Path, cluster: Any, cells: Any
) -> None:
    """Both agents are healthy, their own addresses answer, and a policy is there: only the way between them is gone."""
    path = tmp_path / "nobody.yaml"
    path.write_text(NOBODY)
    misdirect = (
        "gateway=$(ip -4 route show default | cut -d' ' -f3);"
        "ip neigh replace $gateway lladdr 02:00:00:00:00:99 dev eth0 nud permanent"
    )

    def cut(event: Any) -> None:
        if isinstance(event, StepStarted):
            assert cluster.in_network_of("shop/client", "sh", "-c", misdirect)

    record = await run_it(path, hook=cut, trust_scenarios=True)
    assert record.scenarios[0].baseline.connected == 2
    assert {cell.verdict for cell in cells(record, "closed").values()} == {Verdict.INCONCLUSIVE}
    assert "stayed silent when the policies were lifted" in cells(record, "closed")[DENIED].reason
    assert record.exit_code == ExitCode.HARNESS


async def test_a_path_that_was_broken_from_the_start_until_the_denial_was_judged_is_inconclusive(
    run_it: Any, tmp_path: Path, cluster: Any, cells: Any
) -> None:
    """That the pair connects at last, with the policies lifted, says nothing of a time before it ever connected."""
    path, entry = tmp_path / "nobody.yaml", tmp_path / "neighbour"
    path.write_text(NOBODY)
    gateway = "$(ip -4 route show default | cut -d' ' -f3)"
    replace = f"ip neigh replace {gateway} dev eth0 nud permanent lladdr"
    cut = f"ip neigh show {gateway} | grep -o '..:..:..:..:..:..' > {entry}; {replace} 02:00:00:00:00:99"

    def hook(event: Any) -> None:
        if isinstance(event, FleetReady):
            assert cluster.in_network_of("shop/client", "sh", "-c", cut)
        if isinstance(event, StepDone):
            assert cluster.in_network_of("shop/client", "sh", "-c", f"{replace} $(cat {entry})")

    record = await run_it(path, hook=hook, trust_scenarios=True)
    assert record.scenarios[0].baseline.connected == 0
    denied = cells(record, "closed")[DENIED]
    assert denied.verdict is Verdict.INCONCLUSIVE
    assert "never connected before" in denied.reason
    assert record.exit_code == ExitCode.HARNESS


FLOOD = """
import socket, sys, threading
with socket.create_connection((sys.argv[1], 80)) as server:
    requests = b"".join(b"CNIPROBE/1 flood.%d\\n" % number for number in range(17_000))
    threading.Thread(target=server.sendall, args=(requests,)).start()
    replies = 0
    while replies < 17_000:
        replies += server.recv(65536).count(b"\\n")
"""


async def test_a_responder_that_has_forgotten_its_receipts_proves_nothing(
    run_it: Any, two_pods: Path, cluster: Any, cells: Any
) -> None:
    """A request may have arrived, and its receipt be overwritten by later ones: its absence is no evidence."""

    def flood(event: Any) -> None:
        if isinstance(event, RoundDone) and (event.step, event.phase) == ("closed", "confirm"):
            own = cluster.addresses["shop/server"]
            assert cluster.in_network_of("shop/server", sys.executable, "-c", FLOOD, own)

    record = await run_it(two_pods, hook=flood)
    denied = cells(record, "closed")[DENIED]
    assert denied.verdict is Verdict.INCONCLUSIVE
    assert "too many requests" in denied.reason
    assert denied.receipt.arrived is None

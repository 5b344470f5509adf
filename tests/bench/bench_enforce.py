"""How long it takes to compile a node's rules and to install them: ``python tests/bench/bench_enforce.py``.

Needs root (or an unprivileged user namespace) for a network namespace of its own. Prints a table; milliseconds,
the best of several runs. "first" fills an empty table; "label" is a change of one pod's labels, "policy" one policy
less and one more, each measured from the view to the kernel's acknowledgement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tabulate import tabulate

from probe.model.cell import Family, Protocol
from probe.sandbox import linux
from probe.sandbox.enforce.compile import compile_node
from probe.sandbox.enforce.nft import Nft, NftLibrary
from probe.sandbox.enforce.read import read_policy
from probe.sandbox.enforce.table import RESET, Table
from probe.sandbox.enforce.view import Backend, ClusterView, Pod, Service, ServicePort

SIZES = ((10, 5), (50, 20), (100, 50), (200, 100), (500, 100))
RUNS = 5
NAMESPACES = 5


def a_view(pods: int, policies: int) -> ClusterView:
    """Dual-stack pods on two nodes in five namespaces; every policy has peers, blocks, ranges, names, both ways."""
    fleet = tuple(map(_pod, range(pods)))
    services = tuple(_service(number, fleet[number::10]) for number in range(10))
    namespaces = {f"ns{number}": {"number": str(number)} for number in range(NAMESPACES)}
    return ClusterView(fleet, namespaces, tuple(map(_policy, range(policies))), services)


def _pod(number: int) -> Pod:
    low, high = number % 250 + 2, number // 250
    addresses = {Family.IPV4: f"10.244.{high}.{low}", Family.IPV6: f"fd00:10:244:{high}::{low:x}"}
    labels = {"app": f"app{number % 7}", "number": str(number)}
    ports = {("http", Protocol.TCP): 8000 + number % 3}
    return Pod(
        f"uid{number}", f"ns{number % NAMESPACES}", f"p{number}", labels, f"node-{number % 2 + 1}", addresses, ports
    )


def _policy(number: int) -> Any:
    subject = {} if number % 3 == 0 else {"matchLabels": {"app": f"app{number % 7}"}}
    both = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": f"app{(number + 1) % 7}"}}}
    wide = {"ipBlock": {"cidr": "10.0.0.0/8", "except": [f"10.{number}.0.0/16"]}}
    space = {"namespaceSelector": {"matchLabels": {"number": str(number % NAMESPACES)}}}
    served = [{"port": 80}, {"port": "http"}, {"port": 53, "protocol": "UDP"}]
    spec = {
        "podSelector": subject,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [both, wide], "ports": served}],
        "egress": [{"to": [space], "ports": [{"port": 1000 + number, "endPort": 2000 + number}]}],
    }
    return read_policy({"metadata": {"namespace": f"ns{number % NAMESPACES}", "name": f"policy{number}"}, "spec": spec})


def _service(number: int, pods: Iterable[Pod]) -> Service:
    address = f"10.96.0.{number + 1}"
    backends = tuple(sorted(Backend(pod.addresses[Family.IPV4], 8080) for pod in pods))
    ports = (ServicePort(address, Family.IPV4, Protocol.TCP, 80, backends),)
    return Service("ns0", f"service{number}", {Family.IPV4: address}, ports)


def best(run: Callable[[], None]) -> float:
    """Milliseconds of the fastest of several runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


class Kernel:
    """The table of the namespace that we live in."""

    def __init__(self) -> None:
        linux.unshare(linux.CLONE_NEWNET)
        self._nft: Nft = NftLibrary().open()
        self._table = Table()
        self.reset()

    def reset(self) -> None:
        self._nft.run(RESET)
        self._table = Table()

    def enforce(self, view: ClusterView) -> None:
        change, self._table = self._table.change(compile_node(view, "node-1"))
        for script in change.scripts:
            self._nft.run(script)


def measure(kernel: Kernel, pods: int, policies: int) -> list[object]:
    view = a_view(pods, policies)
    relabelled = replace(view, pods=(replace(view.pods[0], labels={"app": "app3"}), *view.pods[1:]))
    fewer = replace(view, policies=view.policies[:-1])

    def first() -> None:
        kernel.reset()
        kernel.enforce(view)

    def alternate(other: ClusterView) -> Callable[[], None]:
        def run() -> None:
            kernel.enforce(other)
            kernel.enforce(view)

        return run

    compiled = compile_node(view, "node-1")
    rules = sum(len(chain.rules) for chain in compiled.chains.values())
    size = f"{len(compiled.chains)} / {rules} / {len(compiled.sets)}"
    compile_alone = best(lambda: void(compile_node(replace(view), "node-1")))
    one_label, one_policy = best(alternate(relabelled)) / 2, best(alternate(fewer)) / 2
    return [pods, policies, size, *(f"{it:.1f}" for it in (compile_alone, best(first), one_label, one_policy))]


def void(_: object) -> None:
    """Measured, not used."""


def main() -> None:
    kernel = Kernel()
    rows = [measure(kernel, pods, policies) for pods, policies in SIZES]
    headers = ["pods", "policies", "chains / rules / sets", "compile", "first", "label", "policy"]
    print(tabulate(rows, headers, disable_numparse=True, colalign=("right",) * 7))


if __name__ == "__main__":
    main()

"""What the oracle costs: 100 to 1,000 pods under 500 policies, the truth of three ports, and single decisions.

Each size has a process of its own, so that the peak of memory is that size's. *Compile* is from the API's objects to
an oracle, *tables* the truth of all pairs on each port as sets, *answers* the reading of every cell of them. Run with
``make bench``, or ``python -m tests.bench.bench_oracle [PODS ...]``. Asserts nothing.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from tabulate import tabulate

from probe.model.cell import Protocol
from probe.model.fleet import Port
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, Snapshot
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question
from tests.bench.processes import peak_memory
from tests.bench.support import policy

SIZES = (100, 250, 500, 1000)
POLICIES, NAMESPACES, APPS, NODES = 500, 25, 20, 10
PORTS = (Port(80, Protocol.TCP, "http"), Port(443, Protocol.TCP), Port(53, Protocol.UDP, "dns"))
DECISIONS = 2000
CHILD = "--measure"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One size. Seconds of CPU, MiB; ``before`` is the memory with the snapshot alone."""

    pods: int
    cells: int
    compile: float
    tables: float
    answers: float
    decisions_per_second: float
    before: float
    peak: float
    allowed: float


# --- a cluster -----------------------------------------------------------------------------------------------------


def snapshot(pods: int) -> Snapshot:
    """Pods of 20 applications in 25 namespaces on 10 nodes, each of which has a block of addresses."""
    namespaces = {
        f"n{n}": {NAME_LABEL: f"n{n}", "team": f"team-{n % 5}", "env": "prod" if n % 3 else "dev"}
        for n in range(NAMESPACES)
    }
    return Snapshot(
        namespaces,
        tuple(_pod(number) for number in range(pods)),
        tuple(NodeState(f"node-{n}", {}, (f"172.18.0.{n + 2}",)) for n in range(NODES)),
        policies=tuple(_policies()),
    )


def _pod(number: int) -> PodState:
    node, app = number % NODES, number // NAMESPACES % APPS
    labels = {"app": f"app-{app}", "tier": ("front", "middle", "back")[app % 3], "version": f"v{number % 2}"}
    address = f"10.244.{node}.{number // NODES + 2}"
    return PodState(f"n{number % NAMESPACES}", f"p{number}", labels, PORTS, (address,), f"node-{node}")


def _policies() -> Iterator[dict[str, Any]]:
    """A default deny and a way to DNS for each namespace; the others are for applications, of all sorts of peers."""
    pick = random.Random(1)
    for n in range(NAMESPACES):
        yield policy("default-deny", f"n{n}", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        dns = {"to": [{"namespaceSelector": {}}], "ports": [{"port": "dns", "protocol": "UDP"}]}
        yield policy("dns", f"n{n}", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [dns]})
    for number in range(POLICIES - 2 * NAMESPACES):
        direction, peers = ("Ingress", "from") if number % 2 else ("Egress", "to")
        rules = [{peers: [_peer(pick), _peer(pick)], "ports": [pick.choice(_RULE_PORTS)]} for _ in range(2)]
        selector = {"matchLabels": {"app": f"app-{pick.randrange(APPS)}"}}
        spec: dict[str, object] = {"podSelector": selector, "policyTypes": [direction], direction.lower(): rules}
        yield policy(f"p{number}", f"n{pick.randrange(NAMESPACES)}", spec)


_RULE_PORTS = ({"port": 80}, {"port": "http"}, {"port": 80, "endPort": 500}, {"protocol": "UDP"})


def _peer(pick: random.Random) -> dict[str, Any]:
    app = {"matchLabels": {"app": f"app-{pick.randrange(APPS)}"}}
    match pick.randrange(4):
        case 0:
            return {"podSelector": app}
        case 1:
            return {"namespaceSelector": {"matchLabels": {"team": f"team-{pick.randrange(5)}"}}, "podSelector": app}
        case 2:
            tiers = {"key": "tier", "operator": "NotIn", "values": ["back"]}
            return {"namespaceSelector": {"matchLabels": {"env": "dev"}}, "podSelector": {"matchExpressions": [tiers]}}
        case _:
            return {"ipBlock": {"cidr": "10.244.0.0/16", "except": [f"10.244.{pick.randrange(NODES)}.0/24"]}}


# --- measuring -----------------------------------------------------------------------------------------------------


def measure(pods: int) -> Measurement:
    """Compile, ask for the tables, read every cell, and decide some."""
    cluster = snapshot(pods)
    before = peak_memory()
    times = [time.process_time()]
    oracle = Oracle(cluster)
    times.append(time.process_time())
    tables = [oracle.table(Question(port.number, port.protocol)) for port in PORTS]
    times.append(time.process_time())
    counts = Counter(
        table.answer(source, destination) for table in tables for source in range(pods) for destination in range(pods)
    )
    times.append(time.process_time())
    peak = peak_memory()
    pick = random.Random(2)
    for _ in range(DECISIONS):
        source, destination = pick.choice(cluster.pods), pick.choice(cluster.pods)
        port = pick.choice(PORTS)
        oracle.decide(source.id, destination.id, Question(port.number, port.protocol))
    spent = time.process_time() - times[-1]
    compiling, asking, reading = (after - start for start, after in pairwise(times))
    cells = counts.total()
    return Measurement(
        pods, cells, compiling, asking, reading, DECISIONS / spent, before, peak, counts[Answer.ALLOW] / cells
    )


def report(found: list[Measurement]) -> str:
    """A table, a row for each size. Growth is that of the time for everything, from the size before."""
    rows, last = [], 0.0
    for each in found:
        total = each.compile + each.tables + each.answers
        growth = f"{total / last:.1f}x" if last else ""
        last = total
        rows.append(
            [
                each.pods,
                f"{each.cells:,}",
                *(f"{seconds:.2f}" for seconds in (each.compile, each.tables, each.answers, total)),
                growth,
                f"{each.cells / total / 1e6:.2f} M",
                f"{each.peak:.0f}",
                f"{each.peak - each.before:.0f}",
                f"{each.decisions_per_second:,.0f}",
                f"{each.allowed:.0%}",
            ]
        )
    headers = ["pods", "cells", "compile s", "tables s", "answers s", "total s", "growth", "cells/s", "peak MiB"]
    return tabulate(rows, [*headers, "of it ours", "decisions/s", "allowed"], stralign="right", disable_numparse=True)


def main(arguments: list[str]) -> None:
    """Measure each size in a process of its own, and print."""
    if arguments[:1] == [CHILD]:
        print(json.dumps(asdict(measure(int(arguments[1])))))
        return
    sizes = [int(each) for each in arguments] or SIZES
    found = []
    for pods in sizes:
        command = [sys.executable, "-m", "tests.bench.bench_oracle", CHILD, str(pods)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(Measurement(**json.loads(output)))
    print(f"{POLICIES} policies, {len(PORTS)} ports; seconds of CPU on one core")
    print(report(found))


if __name__ == "__main__":
    main(sys.argv[1:])

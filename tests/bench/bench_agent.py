"""Cells a second between two real agents, and their memory while serving.

Run: ``python tests/bench/bench_agent.py [CELLS]``. As root the agents live in two network namespaces joined by a veth
pair (made for the run, gone after it); otherwise both are on loopback. Prints figures and judges nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.duplex import Duplex
from probe.model.cell import Outcome, Protocol

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.agent.support import COMMAND, RelayDuplex, environment

TCP_PORT, UDP_PORT, CLOSED_PORT = 8080, 5353, 8081
ROUNDS = 3


@dataclass
class Side:
    """One agent: its process, where its socket is, the address the other dials, and the namespace it is in."""

    process: subprocess.Popen[bytes]
    path: Path
    address: str

    async def connect(self) -> Duplex:
        return await RelayDuplex.start(self.path)

    def memory(self) -> str:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        rss, peak = (int(status.split(key)[1].split()[0]) / 1024 for key in ("VmRSS:", "VmHWM:"))
        pss = int(rollup.split("Pss:")[1].split()[0]) / 1024
        return f"RSS {rss:.1f} MiB (peak {peak:.1f}), PSS {pss:.1f} MiB"


def start(directory: Path, name: str, address: str, prefix: Sequence[str] = ()) -> Side:
    """Start an agent, by a command that runs it elsewhere if ``prefix`` is given."""
    path = directory / f"{name}.sock"
    argv = [*prefix, *COMMAND, "serve", "--port", f"{TCP_PORT}/TCP", "--port", f"{UDP_PORT}/UDP"]
    return Side(subprocess.Popen(argv, env=environment(path, f"uid-{name}"), stdout=subprocess.DEVNULL), path, address)


def start_both(directory: Path) -> tuple[Side, Side]:
    """Two agents, in two network namespaces where that is allowed."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        print("loopback: 127.0.0.2 (one agent answers itself)")
        side = start(directory, "a", "127.0.0.2")
        return side, side
    sides = [start(directory, name, f"192.0.2.{i}", ("unshare", "--net", "--")) for i, name in ((1, "a"), (2, "b"))]
    wait_until_serving(sides)
    # A veth pair between two namespaces that only their processes hold: it goes with them.
    pids = [side.process.pid for side in sides]
    in_a, in_b = (("nsenter", "--target", str(pid), "--net", "ip") for pid in pids)
    run(*in_a, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(pids[1]))
    for side, ip in zip(sides, (in_a, in_b), strict=True):
        run(*ip, "link", "set", "lo", "up")
        run(*ip, "address", "add", f"{side.address}/24", "dev", "eth0")
        run(*ip, "link", "set", "eth0", "up")
    print("two network namespaces joined by a veth pair")
    return sides[0], sides[1]


def wait_until_serving(sides: Sequence[Side]) -> None:
    deadline = time.monotonic() + 10
    while not all(side.path.exists() for side in sides):
        assert time.monotonic() < deadline, "the agents do not start"
        time.sleep(0.01)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


async def measure(source: Side, destination: Side, cells: int) -> None:
    """Dial ``cells`` targets a round and print the rates."""
    channel = await AgentChannel.open(source.connect, timeout=20)
    kinds = (
        ("TCP connected", Protocol.TCP, TCP_PORT),
        ("UDP connected", Protocol.UDP, UDP_PORT),
        ("TCP refused", Protocol.TCP, CLOSED_PORT),
    )
    for what, protocol, port in kinds:
        for _ in range(ROUNDS):
            targets = [Target(destination.address, port, protocol)] * cells
            begin = time.monotonic()
            report = await channel.dial(targets, nonce=os.urandom(8).hex(), timeout=1.5)
            seconds = time.monotonic() - begin
            counts = {
                str(outcome): sum(1 for result in report.results if result.outcome is outcome) for outcome in Outcome
            }
            seen = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
            print(f"{what:14} {cells / seconds:8.0f} cells/s   lag {report.lag * 1000:5.1f} ms   {seen}")
    await channel.aclose()


def main() -> None:
    """Bench, and take the agents away."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as name:
        source, destination = start_both(Path(name))
        try:
            wait_until_serving([source, destination])
            print(f"serving, idle: dialling {source.memory()}; answering {destination.memory()}")
            asyncio.run(measure(source, destination, cells))
            print(f"after {3 * ROUNDS * cells} cells: dialling {source.memory()}; answering {destination.memory()}")
        finally:
            for side in (source, destination):
                side.process.terminate()
                side.process.wait()


if __name__ == "__main__":
    main()

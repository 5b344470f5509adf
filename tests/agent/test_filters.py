"""What a dial says when a real kernel filters, rejects, or has no way: one network namespace, real nftables."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.support import COMMAND, Control, environment, wait_for

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a network namespace"),
    pytest.mark.skipif(not (shutil.which("nft") and shutil.which("unshare")), reason="needs nft and unshare"),
]

PORTS = ("80/TCP", "53/UDP")


class Namespace:
    """An agent in a network namespace of its own that has loopback, addresses and no way out."""

    def __init__(self, process: subprocess.Popen[bytes], control: Control) -> None:
        self._process = process
        self.control = control
        self._batches = 0

    def run(self, *argv: str, stdin: str = "") -> None:
        """Run a command in the namespace."""
        enter = ("nsenter", "--target", str(self._process.pid), "--net", "--")
        subprocess.run((*enter, *argv), input=stdin.encode(), check=True, timeout=20)

    def filter(self, hook: str, rule: str) -> None:
        """Have nftables apply one rule."""
        lines = ("table inet t", "delete table inet t", "table inet t {", "chain c {")
        rules = (f"type filter hook {hook} priority 0", *rule.split("; "))
        self.run("nft", "-f", "-", stdin="\n".join((*lines, *rules, "}", "}", "")))

    def dial(self, address: str, port: int, protocol: str, timeout: float = 0.3) -> tuple[str, str | None, int]:
        """Outcome, error and sends of one dial."""
        self._batches += 1
        rows = self.control.dial((address, port, protocol), timeout=timeout, id=str(self._batches))
        return rows[0][0], rows[0][1], rows[0][-1]


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Namespace]:
    path = tmp_path / "agent.sock"
    argv = ("unshare", "--net", "--", *COMMAND, "serve", *(word for port in PORTS for word in ("--port", port)))
    with subprocess.Popen(argv, env=environment(path), stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(path.exists, "the agent")
            with Control(path) as control:
                control.hello()
                namespace = Namespace(process, control)
                namespace.run("ip", "link", "set", "lo", "up")
                yield namespace
        finally:
            process.terminate()


HOSTS = ("127.0.0.1", "::1")
BOTH = ((80, "TCP"), (53, "UDP"))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("port", "protocol"), BOTH)
def test_a_drop_is_timed_out(namespace: Namespace, host: str, port: int, protocol: str) -> None:
    assert namespace.dial(host, port, protocol, 5)[0] == "connected"
    namespace.filter("input", f"{protocol.lower()} dport {port} drop")
    assert namespace.dial(host, port, protocol)[:2] == ("timed-out", None)


@pytest.mark.parametrize("host", HOSTS)
def test_a_tcp_reset_is_refused(namespace: Namespace, host: str) -> None:
    namespace.filter("input", "tcp dport 80 reject with tcp reset")
    assert namespace.dial(host, 80, "TCP", 5)[:2] == ("refused", "ECONNREFUSED")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("port", "protocol"), BOTH)
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("port-unreachable", "refused"), ("host-unreachable", "unreachable"), ("admin-prohibited", "unreachable")],
)
def test_icmp_errors_are_told(
    namespace: Namespace, host: str, port: int, protocol: str, kind: str, outcome: str
) -> None:
    family = "icmpv6" if ":" in host else "icmp"
    if family == "icmpv6" and kind == "host-unreachable":
        kind = "addr-unreachable"  # what IPv6 calls it
    namespace.filter("input", f"{protocol.lower()} dport {port} reject with {family} type {kind}")
    assert namespace.dial(host, port, protocol, 5)[0] == outcome


@pytest.mark.parametrize("host", HOSTS)
def test_a_lost_udp_reply_is_timed_out_but_its_receipt_is_there(namespace: Namespace, host: str) -> None:
    namespace.filter("output", "udp sport 53 drop")
    assert namespace.dial(host, 53, "UDP") == ("timed-out", None, 3)
    namespace.control.send(op="receipts", id="r", nonces=["n.0"])
    assert len(namespace.control.receive()["found"]) == 1


def test_a_lost_tcp_reply_is_timed_out_after_connect(namespace: Namespace) -> None:
    namespace.filter("output", "tcp sport 80 tcp flags & (psh | syn) == psh drop")
    assert namespace.dial("127.0.0.1", 80, "TCP")[:2] == ("timed-out", "no reply after connect")


def test_an_output_filter_in_the_own_pod_is_unreachable_and_was_tried_to_the_end(namespace: Namespace) -> None:
    namespace.filter("output", "udp dport 53 drop")
    assert namespace.dial("127.0.0.1", 53, "UDP") == ("unreachable", "EPERM", 0)
    namespace.filter("output", "tcp dport 80 drop")
    assert namespace.dial("127.0.0.1", 80, "TCP")[:2] == ("timed-out", None)


def test_a_filter_that_opens_in_time_lets_a_udp_dial_connect(namespace: Namespace) -> None:
    # The first send is lost, the second passes: counted by the rule itself, so that no clock is involved.
    namespace.filter("output", "udp dport 53 limit rate over 1/hour burst 1 packets accept; udp dport 53 drop")
    assert namespace.dial("127.0.0.1", 53, "UDP", 3) == ("connected", None, 1)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_no_route_is_unreachable(namespace: Namespace, address: str, protocol: str) -> None:
    assert namespace.dial(address, 80, protocol)[:2] == ("unreachable", "ENETUNREACH")


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_neighbour_that_does_not_exist_is_unreachable(namespace: Namespace, protocol: str) -> None:
    namespace.run("ip", "link", "add", "dummy0", "type", "veth", "peer", "name", "dummy1")
    for name in ("dummy0", "dummy1"):
        namespace.run("ip", "link", "set", name, "up")
    namespace.run("ip", "address", "add", "192.0.2.1/24", "dev", "dummy0")
    namespace.run("sysctl", "-qw", "net.ipv4.neigh.dummy0.retrans_time_ms=50")
    assert namespace.dial("192.0.2.2", 80, protocol, 10)[:2] == ("unreachable", "EHOSTUNREACH")


def test_loopback_down_fails_the_check_not_the_agent(namespace: Namespace) -> None:
    namespace.run("ip", "link", "set", "lo", "down")
    namespace.control.send(op="check", id="c")
    errors = {row["error"] for row in namespace.control.receive()["listeners"]}
    assert None not in errors
    assert namespace.dial("127.0.0.1", 80, "TCP")[0] != "connected"

"""An update takes effect in one instant: nothing leaks and nothing is lost while rules are replaced under traffic."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass, field

import pytest

from probe.model.cell import Family
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.controller import NodeRules
from probe.sandbox.enforce.nft import NftLibrary
from probe.sandbox.enforce.ruleset import Ruleset
from tests.sandbox.enforce.objects import Obj, block, labelled, policy, port
from tests.sandbox.enforce.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

ROUNDS = 500
OPEN, CLOSED = 6001, 6002


@dataclass
class Blast:
    """Datagrams from one pod to two ports of another, as fast as they go, until stopped."""

    world: World
    source: str
    target: str
    sent: int = 0
    arrived: dict[int, int] = field(default_factory=lambda: {OPEN: 0, CLOSED: 0})
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        receivers = {number: self._receiver(number) for number in (OPEN, CLOSED)}
        sender = self.world.hosts[self.source].socket("UDP", 4)
        address = self.world.hosts[self.target].addresses[Family.IPV4]
        try:
            while not self.stop.is_set():
                for number in receivers:
                    sender.sendto(b"x", (address, number))
                self.sent += 1
                self._drain(receivers)
            self._drain(receivers)
        finally:
            for made in (sender, *receivers.values()):
                made.close()

    def _receiver(self, number: int) -> socket.socket:
        made = self.world.hosts[self.target].socket("UDP", 4)
        made.bind(("0.0.0.0", number))
        return made

    def _drain(self, receivers: dict[int, socket.socket]) -> None:
        for number, made in receivers.items():
            while True:
                try:
                    made.recv(16)
                except BlockingIOError:
                    break
                self.arrived[number] += 1


def rules(world: World, *policies: Obj) -> Ruleset:
    """node-1's ruleset for these policies."""
    world.policies = list(policies)
    return compile_node(world.view, "node-1", Options())


def variants(world: World) -> list[Ruleset]:
    """Different rulesets, all of which open one port of x/b to x/a and close the other."""
    b, a = labelled(pod="b"), {"podSelector": labelled(pod="a")}
    opened = [port(OPEN, "UDP")]
    extra = policy("x", {}, name="extra", ingress=[{"from": [block("203.0.113.0/24", "203.0.113.8/29")]}])
    return [
        rules(world, policy("x", b, ingress=[{"from": [a], "ports": opened}])),
        rules(
            world, policy("x", b, name="other", ingress=[{"from": [{"namespaceSelector": {}}], "ports": opened}]), extra
        ),
        rules(world, policy("x", b, ingress=[{"ports": opened}]), extra, policy("y", {}, types=["Egress"])),
        rules(world, policy("x", {}, ingress=[{"from": [a], "ports": [port(6000, "UDP", OPEN)]}])),
    ]


async def test_no_packet_leaks_or_is_lost_while_rules_are_replaced(world: World) -> None:
    kernel = NodeRules(world.network.nodes["node-1"], NftLibrary())
    cycle = variants(world)
    await kernel.install(cycle[-1])
    blast = Blast(world, "x/a", "x/b")
    firing = asyncio.create_task(asyncio.to_thread(blast.run))
    try:
        for number in range(ROUNDS):
            await kernel.install(cycle[number % len(cycle)])
    finally:
        blast.stop.set()
        await firing
        await kernel.close()
    assert blast.sent > ROUNDS, "there was traffic all the time"
    assert blast.arrived == {OPEN: blast.sent, CLOSED: 0}

"""Faults in when rules take effect."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from probe.sandbox.enforce.away import allowing_nothing
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.controller import NodeRules
from probe.sandbox.enforce.ruleset import Ruleset
from probe.sandbox.enforce.view import ClusterView, Pod
from probe.sandbox.faults.fault import Effect, Fault


class EnforcementDelayed(Fault):
    """Every change takes effect three seconds late."""

    name, effect = "enforcement-delayed-3s", Effect.BOTH
    seconds = 3.0

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        await asyncio.sleep(self.seconds)
        await kernel.install(ruleset)


class EnforcementDelayedBriefly(EnforcementDelayed):
    """Every change takes effect half a second late."""

    name = "enforcement-delayed-500ms"
    seconds = 0.5


class OpenWhileUpdating(Fault):
    """Whenever rules change, nothing at all is enforced for two seconds."""

    name, effect = "open-while-updating-2s", Effect.LEAK
    seconds = 2.0

    def __init__(self) -> None:
        self._open: dict[str, Ruleset] = {}

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        self._open[node] = compile_node(view, node, replace(options, policies=False))
        return compile_node(view, node, options)

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        await kernel.install(self._open[node])
        await asyncio.sleep(self.seconds)
        await kernel.install(ruleset)


class ClosedWhileUpdating(Fault):
    """Whenever rules change, every isolated pod is cut off for two seconds."""

    name, effect = "closed-while-updating-2s", Effect.BLOCK
    seconds = 2.0

    def __init__(self) -> None:
        self._closed: dict[str, Ruleset] = {}

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        self._closed[node] = compile_node(allowing_nothing(view), node, options)
        return compile_node(view, node, options)

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        await kernel.install(self._closed[node])
        await asyncio.sleep(self.seconds)
        await kernel.install(ruleset)


class NewPodsOpen(Fault):
    """A new pod is not isolated for 300 ms, from the moment that it has its address."""

    name, effect = "new-pods-open-300ms", Effect.LEAK
    seconds = 0.3

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}  # by node and pod, on the monotonic clock; past ones are kept
        self._latest: dict[str, tuple[ClusterView, Options]] = {}
        self._updates: dict[str, asyncio.Task[None]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        until = self._until.setdefault(node, {})
        self._latest[node] = view, options
        for pod in view.policed:
            until.setdefault(pod.uid, time.monotonic() + self.seconds)
        return self._as_of_now(node)

    def _as_of_now(self, node: str) -> Ruleset:
        view, options = self._latest[node]
        return compile_node(_unselected(view, self._open(node)), node, options)

    def _open(self, node: str) -> set[str]:
        return {uid for uid, until in self._until[node].items() if until > time.monotonic()}

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        await self._install(node, kernel)
        self.leave(node)
        self._updates[node] = asyncio.create_task(self._close(node, kernel))

    async def _install(self, node: str, kernel: NodeRules) -> None:
        """Never two at once, and none that is cut short: either would leave a node without any rules for a moment."""
        async with self._turns.setdefault(node, asyncio.Lock()):
            await kernel.install(self._as_of_now(node))

    def leave(self, node: str) -> None:
        running = self._updates.pop(node, None)
        if running is not None:
            running.cancel()

    async def _close(self, node: str, kernel: NodeRules) -> None:
        """Isolate each when its time has come."""
        while still_open := self._open(node):
            nearest = min(self._until[node][uid] for uid in still_open)
            await asyncio.sleep(nearest - time.monotonic() + 0.0005)
            await asyncio.shield(self._install(node, kernel))


class NewPodsOpenBriefly(NewPodsOpen):
    """A new pod is not isolated for 50 ms, from the moment that it has its address."""

    name = "new-pods-open-50ms"
    seconds = 0.05


def _unselected(view: ClusterView, pods: set[str]) -> ClusterView:
    """The view in which these pods are peers as they are, and no policy selects them."""

    def moved(pod: Pod) -> Pod:
        return replace(pod, node="") if pod.uid in pods else pod  # of no node: nobody isolates it

    return replace(view, pods=tuple(map(moved, view.pods)))


FAULTS: tuple[type[Fault], ...] = (
    EnforcementDelayed,
    EnforcementDelayedBriefly,
    OpenWhileUpdating,
    ClosedWhileUpdating,
    NewPodsOpen,
    NewPodsOpenBriefly,
)

"""Enforcement as it runs: follows the API objects and keeps every node's kernel at what they say.

Changes are taken together by what is queued at the moment, never by waiting. Each node works for itself and always
towards the latest ruleset, so that a slow node holds up no other. A node's update is one nftables transaction.

An error ends enforcement loudly (``run`` raises): a sandbox that half enforces would tell lies. A node's enforcer can
be sent away for a time, as in a restart or an upgrade (``away``): what is then enforced is known, and for how long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from probe.sandbox.enforce.away import Absence, Away, left_behind
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.nft import Nft, NftLibrary
from probe.sandbox.enforce.observed import RESOURCES, Observed
from probe.sandbox.enforce.options import DEFAULTS
from probe.sandbox.enforce.ruleset import Ruleset
from probe.sandbox.enforce.table import RESET, Table
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.store import Store

T = TypeVar("T")


class Node(Protocol):
    """Where a node's kernel can be reached (``probe.sandbox.net.node.NodeNetwork`` is one)."""

    async def run(self, fn: Callable[[], T]) -> T:
        """Run ``fn`` in a thread (always the same) inside the node's network namespace."""


class Stages:
    """The three stages between the API and a kernel, each of which a subclass can alter: how sandboxes are broken on
    purpose. One object serves all nodes; calls for one node come in order."""

    def see(self, node: str, view: ClusterView) -> ClusterView:
        """What the node believes of the cluster."""
        return view

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        """What the node makes of it."""
        return compile_node(view, node, options)

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        """When, and whether, it takes effect."""
        await kernel.install(ruleset)

    def leave(self, node: str) -> None:
        """The node's enforcer goes away: whatever it has begun, and not brought to an end, ends now."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a node enforces: the state of the objects up to ``revision``, since ``at`` (unix time).

    ``seconds`` is how long the last change took to compile and install, ``changes`` how many there were.
    """

    revision: int = 0
    at: float = 0.0
    seconds: float = 0.0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Enforcer:
    """What enforces on a node: a program in one version of it, so to speak."""

    options: Options = DEFAULTS
    stages: Stages = field(default_factory=Stages)


class NodeRules:
    """The table in one node's kernel."""

    def __init__(self, node: Node, library: NftLibrary) -> None:
        self._node = node
        self._library = library
        self._nft: Nft | None = None
        self._table: Table | None = None

    async def install(self, ruleset: Ruleset) -> None:
        """Make this the node's ruleset in one instant, by as little change as possible. Raises NftError."""
        before, self._table = self._table, None  # after an interruption nobody knows what is there
        change, after = (before or Table()).change(ruleset)
        scripts = change.scripts if before is not None else (RESET, *change.scripts)
        if scripts:
            await self._node.run(lambda: self._run(scripts))
        self._table = after

    def _run(self, scripts: Iterable[str]) -> None:
        if self._nft is None:
            self._nft = self._library.open()
        for script in scripts:
            self._nft.run(script)

    async def close(self) -> None:
        """Free the nft context; the rules stay."""
        if self._nft is not None:
            await self._node.run(self._nft.close)
            self._nft = None


class Enforcement:
    """NetworkPolicies and services of a store, in the kernels of some nodes."""

    def __init__(
        self, store: Store, nodes: Mapping[str, Node], options: Options | None = None, stages: Stages | None = None
    ) -> None:
        """Raises MissingRequirement without libnftables."""
        self._store = store
        library = NftLibrary()
        enforcer = Enforcer(options or Options(), stages or Stages())
        self._workers = {name: _Worker(name, NodeRules(node, library), enforcer) for name, node in nodes.items()}

    async def run(self) -> None:
        """Enforce until cancelled. Raises SandboxError (NftError) at the first change that cannot be enforced."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for worker in self._workers.values():
                    tasks.create_task(worker.run(), name=f"enforce {worker.name}")
                tasks.create_task(self._follow(), name="enforce: follow objects")
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def settled(self, revision: int | str, node: str | None = None) -> None:
        """Wait until a change is in force, on one node or on all. ``revision``: the resourceVersion that the change
        gave to an object of ``observed.RESOURCES``.

        A kubelet waits for its own node, between writing status.podIPs and starting the containers: what a policy
        forbids the pod is then forbidden from its first packet on.
        """
        workers = self._workers.values() if node is None else (self._workers[node],)
        for worker in workers:
            await worker.reached(int(revision))

    def enforcer(self, node: str) -> Enforcer:
        """What enforces on the node now."""
        return self._workers[node].enforcer

    async def away(self, node: str, mode: Away, seconds: float, after: Enforcer | None = None) -> Absence:
        """Send the node's enforcer away for a time, and come back when it is back and enforces what holds by then.
        ``after``: what enforces from then on, if not the same as before.

        Raises SandboxError (NftError), after which nobody knows what the node enforces.
        """
        return await self._workers[node].away(mode, seconds, after)

    @property
    def applied(self) -> Mapping[str, Applied]:
        """What each node enforces now."""
        return {name: worker.applied for name, worker in self._workers.items()}

    async def _follow(self) -> None:
        observed = Observed()
        async with self._store.subscribe(*RESOURCES, initial=False) as changes:
            for resource in RESOURCES:
                for obj in self._store.list(resource):
                    observed.put(resource, obj)
            self._demand(observed.view, self._store.revision)
            while True:
                events = await changes.batch()
                for event in events:
                    (observed.drop if event.type == "DELETED" else observed.put)(event.resource, event.obj)
                if events:
                    self._demand(observed.view, events[-1].revision)

    def _demand(self, view: ClusterView, revision: int) -> None:
        for worker in self._workers.values():
            worker.demand(revision, view)


class _Worker:
    """One node's way to the latest ruleset."""

    def __init__(self, name: str, rules: NodeRules, enforcer: Enforcer) -> None:
        self.name = name
        self.enforcer = enforcer
        self.applied = Applied()
        self._rules = rules
        self._demand: tuple[int, ClusterView] = (0, ClusterView())
        self._demanded = asyncio.Event()
        self._enforced: ClusterView | None = None
        self._progress = asyncio.Condition()
        self._turn = asyncio.Lock()

    def demand(self, revision: int, view: ClusterView) -> None:
        """This is what the node should enforce; earlier demands are void."""
        self._demand = revision, view
        self._demanded.set()

    async def reached(self, revision: int) -> None:
        """Wait until the node enforces that revision or a later one."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.applied.revision >= revision)

    async def run(self) -> None:
        """Enforce what is demanded, until cancelled."""
        try:
            while True:
                await self._demanded.wait()
                async with self._turn:
                    self._demanded.clear()
                    await self._follow()
        finally:
            await self._rules.close()

    async def away(self, mode: Away, seconds: float, after: Enforcer | None) -> Absence:
        """Leave for a time, and come back; see `Enforcement.away`."""
        async with self._turn:
            leaving = time.monotonic()
            self.enforcer.stages.leave(self.name)
            ruleset = left_behind(self._enforced or ClusterView(), self.name, self.enforcer.options, mode)
            if ruleset is not None:
                await self._rules.install(ruleset)
            began, left = time.time(), time.monotonic()
            await asyncio.sleep(seconds)
            self.enforcer, self._enforced = after or self.enforcer, None
            returning = time.monotonic()
            await self._follow()
            ended, back = time.time(), time.monotonic()
        return Absence(self.name, mode, began, ended, max(left - leaving, back - returning))

    async def _follow(self) -> None:
        revision, view = self._demand
        # Most events change nothing that matters here: a pod's conditions, a policy's annotations.
        if view == self._enforced:
            applied = replace(self.applied, revision=revision, at=time.time())
        else:
            applied = await self._enforce(revision, view)
            self._enforced = view
        async with self._progress:
            self.applied = applied
            self._progress.notify_all()

    async def _enforce(self, revision: int, view: ClusterView) -> Applied:
        began = time.monotonic()
        stages = self.enforcer.stages
        ruleset = stages.compile(self.name, stages.see(self.name, view), self.enforcer.options)
        await stages.install(self.name, self._rules, ruleset)
        return Applied(revision, time.time(), time.monotonic() - began, self.applied.changes + 1)

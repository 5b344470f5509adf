"""What can be done to a running sandbox. Each returns when it is over, with what exactly was done, as JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from probe.model.errors import UsageError
from probe.sandbox.api.outage import ApiServer
from probe.sandbox.enforce.away import Absence, Away
from probe.sandbox.enforce.compile import Deny, Established
from probe.sandbox.enforce.controller import Enforcer, Stages
from probe.sandbox.faults.registry import load_fault
from probe.sandbox.machine import Machine

MAX_SECONDS: Final = 600.0
NO_FAULT: Final = "none"


@dataclass(frozen=True, slots=True)
class Disturbances:
    """The parts of a sandbox that can be disturbed."""

    machine: Machine
    api: ApiServer

    async def do(self, order: dict[str, Any]) -> Any:
        """Carry out an order: ``{"order": NAME, ...}`` with the arguments of the method of that name.

        Raises UsageError for an order that makes no sense here; whatever else it raises has broken the sandbox.
        """
        arguments = dict(order)
        name = arguments.pop("order", None)
        known: dict[Any, Callable[..., Awaitable[Any]]] = {
            "restart-enforcer": self.restart_enforcer,
            "restart-node": self.restart_node,
            "pause-api": self.pause,
        }
        if name not in known:
            raise UsageError(f"the sandbox knows no order {name!r}: was it started by another version?")
        return await known[name](**arguments)

    async def restart_enforcer(
        self, *, nodes: Sequence[str], mode: str, down: float, rolling: bool, upgrade: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """The enforcer of some nodes (none named: of all) goes away for ``down`` seconds: of all of them together, or
        of one after another (``rolling``). ``upgrade``: what is different when it comes back."""
        self._check(down)
        chosen = [self._node(name) for name in nodes] or list(self.machine.network.nodes)
        change = _upgrade(upgrade) if upgrade else None

        async def away(node: str) -> Absence:
            enforcement = self.machine.enforcement
            after = change(enforcement.enforcer(node)) if change else None
            return await enforcement.away(node, Away(mode), down, after)

        if rolling:
            absences = [await away(node) for node in chosen]
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(away(node)) for node in chosen]
            absences = [task.result() for task in tasks]
        return [asdict(it) | {"seconds": it.seconds} for it in absences]

    async def restart_node(self, *, nodes: Sequence[str], down: float, rolling: bool) -> list[dict[str, Any]]:
        """Nodes lose their power for ``down`` seconds, together or (``rolling``) one after another: their pods are
        killed, their cable is pulled, and when they are back pods start again behind rules that were put in first."""
        self._check(down)
        chosen = [self._node(name) for name in nodes]
        if rolling:
            return [await self._restart_node(node, down) for node in chosen]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._restart_node(node, down)) for node in chosen]
        return [task.result() for task in tasks]

    async def _restart_node(self, node: str, down: float) -> dict[str, Any]:
        pods = self.machine.kubelets.cut_power(node)
        await self.machine.network.plug(node, False)
        began = time.time()
        absence = await self.machine.enforcement.away(node, Away.FAIL_OPEN, down)  # a kernel has no rules when it boots
        await self.machine.network.plug(node, True)
        ended = time.time()
        self.machine.kubelets.restore_power(node)
        found = {"node": node, "began": began, "ended": ended, "seconds": ended - began, "within": absence.within}
        return found | {"pods": pods}

    async def pause(self, *, down: float) -> dict[str, Any]:
        """The API server is not there for ``down`` seconds: connections are cut, watches and execs with them, and new
        ones are reset."""
        self._check(down)
        began = time.time()
        await self.api.stop()
        within = time.time() - began
        await asyncio.sleep(down)
        await self.api.start()
        ended = time.time()
        return {"began": began, "ended": ended, "seconds": ended - began, "within": within}

    def _node(self, name: str) -> str:
        nodes = list(self.machine.network.nodes)
        if name not in nodes:
            raise UsageError(f"there is no node {name} ({', '.join(nodes)})")
        return name

    def _check(self, down: float) -> None:
        if not 0 < down <= MAX_SECONDS:
            raise UsageError(f"--down is more than 0 and at most {MAX_SECONDS:g} seconds, not {down:g}")


def _upgrade(wanted: dict[str, str]) -> Callable[[Enforcer], Enforcer]:
    """What an upgrade makes of an enforcer. What it does not mention stays. Raises UsageError."""
    fault = wanted.get("fault")
    stages: Stages | None = None
    if fault is not None:
        stages = Stages() if fault == NO_FAULT else load_fault(fault)  # one serves all nodes

    def change(enforcer: Enforcer) -> Enforcer:
        options = replace(
            enforcer.options,
            deny=Deny(wanted.get("deny_with", enforcer.options.deny)),
            established=Established(wanted.get("established", enforcer.options.established)),
        )
        return Enforcer(options, stages or enforcer.stages)

    return change

"""The embedded cluster without its API: network, zygote, kubelets, outside hosts and enforcement around one store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from probe.sandbox.enforce.compile import Deny, Options
from probe.sandbox.enforce.controller import Enforcement, Stages
from probe.sandbox.events import EventRecorder
from probe.sandbox.faults.registry import load_fault
from probe.sandbox.kubelet.cluster import ClusterFacts
from probe.sandbox.kubelet.controller import Kubelets
from probe.sandbox.kubelet.nodes import node_object
from probe.sandbox.kubelet.outside import OutsideHosts
from probe.sandbox.kubelet.pod import Node
from probe.sandbox.net.node import NodeNetwork
from probe.sandbox.net.plan import AddressPlan
from probe.sandbox.net.underlay import SandboxNetwork
from probe.sandbox.options import SandboxOptions
from probe.sandbox.store import Obj, Store
from probe.sandbox.zygote.client import ZygoteClient, zygote


@dataclass(frozen=True, slots=True)
class Machine:
    """The parts of a running one that others have to do with."""

    network: SandboxNetwork
    enforcement: Enforcement
    kubelets: Kubelets


@asynccontextmanager
async def machine(
    store: Store,
    options: SandboxOptions,
    kubernetes_version: str,
    cluster: ClusterFacts,
) -> AsyncIterator[Machine]:
    """Build it, and run it for the length of the block. A part that fails ends the block with its error."""
    plan = AddressPlan(options.families, options.nodes)
    async with SandboxNetwork(plan) as network, zygote() as forks:
        deny = Deny(options.deny_with)
        stages = Stages() if options.fault is None else load_fault(options.fault)
        enforcement = Enforcement(store, network.nodes, Options(deny=deny, policies=options.enforce), stages)
        for node_plan in plan.node_plans:
            store.create("nodes", node_object(node_plan, kubernetes_version))
        nodes = {name: _node(node, forks, store, enforcement, cluster) for name, node in network.nodes.items()}
        kubelets = Kubelets(store, nodes)
        async with asyncio.TaskGroup() as group:
            parts = (forks.run(), enforcement.run(), kubelets.run(), OutsideHosts(store, network, forks).run())
            tasks = [group.create_task(part) for part in parts]
            yield Machine(network, enforcement, kubelets)
            for task in tasks:
                task.cancel()


def _node(
    network: NodeNetwork, forks: ZygoteClient, store: Store, enforcement: Enforcement, cluster: ClusterFacts
) -> Node:
    async def enforced(pod: Obj) -> None:
        await enforcement.settled(pod["metadata"]["resourceVersion"], network.name)

    return Node(network, forks, store, EventRecorder(store, "kubelet", network.name), cluster, enforced)

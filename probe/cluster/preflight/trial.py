"""``doctor --create``: one agent pod in a namespace of its own, which shows what nothing else can; always removed.

Pulling the image, admission with a run's own labels, what a new namespace gets (quotas, limits), exec through every
proxy in between, and what the kernel offers the agent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from probe.cluster.api import Api
from probe.cluster.channel import AgentChannel
from probe.cluster.cleanup import owned_namespaces, remove
from probe.cluster.deployment import Deployment
from probe.cluster.duplex import Duplex
from probe.cluster.exec import exec_stream
from probe.cluster.nodes import Node
from probe.cluster.objects import CONTAINER, Owner
from probe.cluster.outfit import Outfit
from probe.cluster.placement import Placer
from probe.cluster.pods import PodWatch
from probe.cluster.preflight.demand import Demand
from probe.cluster.preflight.doctor import SAMPLE_POD
from probe.cluster.preflight.finding import Finding, ok, problem, warning
from probe.cluster.preflight.look import Unseen, list_seen
from probe.cluster.preflight.quotas import judge_own_quotas
from probe.cluster.running import RunningPod
from probe.model.errors import AgentLost, ClusterError
from probe.model.fleet import Namespace

_CHECK = "trial pod"
_REMOVAL = "removal"
_HELLO_SECONDS = 15.0
_NAMESPACE = Namespace(SAMPLE_POD.namespace, pods=(SAMPLE_POD,))


async def try_one_pod(
    api: Api, demand: Demand, outfit: Outfit, nodes: Sequence[Node], owner: Owner, timeout: float
) -> list[Finding]:
    """Create, look, talk to it, remove. ``timeout`` (seconds) is for the pod to start, and for all to be gone."""
    findings: list[Finding] = []
    namespace = f"cp-{owner.run}-{_NAMESPACE.name}"
    async with _removed(api, owner, findings, timeout), PodWatch.follow(api, owner.selector) as watch:
        deployment = Deployment(
            api, owner, {_NAMESPACE.name: namespace}, Placer(nodes), outfit, watch, lambda manifest, _: dict(manifest)
        )
        try:
            await deployment.create_namespaces([_NAMESPACE])
            started = time.monotonic()
            (running,) = await deployment.create_pods([SAMPLE_POD], timeout)
        except ClusterError as error:
            findings.append(problem(_CHECK, str(error), "a run's pods would fare alike"))
            findings += await _own_quotas(api, namespace, demand)
            return findings
        seconds = time.monotonic() - started
        findings.append(
            ok(_CHECK, f"admitted, and {demand.agent.image} running on {running.node} after {seconds:.1f} s")
        )
        quotas, said = await asyncio.gather(_own_quotas(api, namespace, demand), _talk(api, running, demand))
        findings += quotas + said
    return findings


@asynccontextmanager
async def _removed(api: Api, owner: Owner, findings: list[Finding], timeout: float) -> AsyncIterator[None]:
    """Remove what is made in the block, whatever happens in it."""
    try:
        yield
    finally:
        command = f"cni-probe clean --run {owner.run}"
        try:
            remaining = await remove(api, await owned_namespaces(api, owner.run), timeout)
        except ClusterError as error:
            findings.append(problem(_REMOVAL, str(error), f"remove it with: {command}"))
        else:
            for name, cause in remaining.items():
                findings.append(problem(_REMOVAL, f"{name} is still there: {cause or 'terminating'}", command))


async def _own_quotas(api: Api, namespace: str, demand: Demand) -> list[Finding]:
    quotas = await list_seen(api, f"/api/v1/namespaces/{namespace}/resourcequotas")
    return [] if isinstance(quotas, Unseen) else judge_own_quotas(quotas, demand)


async def _talk(api: Api, running: RunningPod, demand: Demand) -> list[Finding]:
    """Exchange hello with the agent, over exec."""

    async def connect() -> Duplex:
        return await exec_stream(api, running.namespace, running.name, CONTAINER, demand.agent.relay)

    try:
        channel = await AgentChannel.open(connect, timeout=_HELLO_SECONDS)
    except (AgentLost, ClusterError) as error:
        return [problem("exec", f"no talk with the agent: {error}", "a run cannot work without exec into its pods")]
    try:
        hello = channel.hello
    finally:
        await channel.aclose()
    findings = [ok("exec", f"the agent {hello.agent} answers; its kernel offers {', '.join(sorted(hello.features))}")]
    if demand.sctp and "SCTP" not in hello.features:
        findings.append(
            warning(
                "SCTP", f"the kernel of {running.node} has none", "its cells are `unsupported`; modprobe sctp there"
            )
        )
    return findings

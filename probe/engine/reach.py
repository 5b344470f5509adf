"""The way to a pod's agent. What may come back is tried again; what is known to be gone is not waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.cluster.deployment import Deployment
from probe.cluster.duplex import Duplex
from probe.cluster.exec import ExecRefused, NoUpgrade, exec_stream
from probe.cluster.objects import CONTAINER
from probe.cluster.running import RunningPod
from probe.model.errors import AgentLost

_FINAL = (401, 403, 404)
"""Refusals that do not pass: who we are, what we may do, and that there is no such pod."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Opens streams to the agents of a deployment with the command ``relay``."""

    deployment: Deployment
    relay: Sequence[str]

    async def connect(self, running: RunningPod) -> Duplex:
        """A new stream. Raises AgentLost when it is known that there is nobody; ClusterError when it may pass."""
        if fate := self.deployment.fate(running):
            raise AgentLost(fate)
        try:
            return await exec_stream(self.deployment.api, running.namespace, running.name, CONTAINER, self.relay)
        except ExecRefused as refused:
            if isinstance(refused, NoUpgrade) or refused.code in _FINAL:
                raise AgentLost(str(refused)) from refused
            if trouble := await self.deployment.node_trouble(running):
                raise AgentLost(trouble) from refused
            raise

    async def explain(self, running: RunningPod) -> str:
        """Why an agent does not answer, in the cluster's words; empty when it does not know."""
        return await self.deployment.explain(running)

    async def renewed(self, running: RunningPod) -> RunningPod:
        """The pod with the container that it has now."""
        return await self.deployment.renewed(running)

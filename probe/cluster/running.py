"""Pods of a fleet that run: where they are, and by which names and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probe.cluster.api import Json
from probe.cluster.pods import container_id
from probe.model.cell import Family
from probe.model.fleet import Pod


@dataclass(frozen=True, slots=True)
class RunningPod:
    """A pod as it was deployed. ``namespace`` and ``name`` are actual, ``addresses`` by family (PodStatus.podIPs).

    ``container`` is the ID of its container when it was last seen running; another one has another agent.
    ``strayed``: why it does not have the addresses that it was to get; empty: it has.
    """

    pod: Pod
    namespace: str
    name: str
    uid: str
    node: str
    addresses: Mapping[Family, str]
    container: str = ""
    strayed: str = ""

    @classmethod
    def of(cls, pod: Pod, seen: Json) -> RunningPod:
        """From the API's object of a pod that runs."""
        metadata = seen["metadata"]
        node, container = seen["spec"]["nodeName"], container_id(seen)
        addresses = addresses_of(seen)
        return cls(pod, metadata["namespace"], metadata["name"], metadata["uid"], node, addresses, container)

    @property
    def path(self) -> str:
        """Of the API's object."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


def addresses_of(seen: Json) -> dict[Family, str]:
    """PodStatus.podIPs of a pod that has some."""
    status = seen["status"]
    ips = [entry["ip"] for entry in status.get("podIPs") or [{"ip": status["podIP"]}]]
    return {(Family.IPV6 if ":" in ip else Family.IPV4): ip for ip in ips}

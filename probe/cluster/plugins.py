"""Which network plugins a cluster seems to have, read off well-known DaemonSets: a hint, never a verdict.

Names are those of the projects' own manifests and charts. The version is the image's tag. What a plugin was
configured to do is not in a DaemonSet, so where that matters ``enforces`` is None: it may or may not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from probe.cluster.api import Api, ApiError, Json


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin's DaemonSet. ``enforces``: it applies NetworkPolicies (None: depends on its configuration).

    ``ready`` and ``desired`` count its pods (DaemonSetStatus).
    """

    name: str
    version: str
    enforces: bool | None
    namespace: str
    daemonset: str
    ready: int
    desired: int

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def find_plugins(daemonsets: Iterable[Json]) -> tuple[Plugin, ...]:
    """The plugins among DaemonSets (apps/v1, as JSON), by name; those that want no pods are left out."""
    found = []
    for daemonset in daemonsets:
        known = _KNOWN.get(daemonset["metadata"]["name"])
        status = daemonset.get("status", {})
        if known is None or not status.get("desiredNumberScheduled", 1):
            continue
        containers = daemonset.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
        version = _version(_main(containers, known.container))
        found.append(
            Plugin(
                name=known.name,
                version=version,
                enforces=known.enforces(containers, version) if callable(known.enforces) else known.enforces,
                namespace=daemonset["metadata"].get("namespace", ""),
                daemonset=daemonset["metadata"]["name"],
                ready=status.get("numberReady", 0),
                desired=status.get("desiredNumberScheduled", 0),
            )
        )
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.namespace)))


async def installed_plugins(api: Api) -> tuple[Plugin, ...]:
    """The plugins of a cluster; none where DaemonSets may not be listed. Raises ClusterError."""
    try:
        return find_plugins((await api.get("/apis/apps/v1/daemonsets"))["items"])
    except ApiError as error:
        if error.code in (403, 404):
            return ()
        raise


def policy_engines(plugins: Iterable[Plugin]) -> tuple[Plugin, ...]:
    """Those that surely apply NetworkPolicies: with two, a denial of one hides a gap of the other."""
    return tuple(plugin for plugin in plugins if plugin.enforces)


@dataclass(frozen=True, slots=True)
class _Known:
    """``container`` is a part of the main container's name, where it is not the first one."""

    name: str
    enforces: bool | Callable[[list[Json], str], bool | None] | None
    container: str = ""


_KINDNET_ENFORCES = "20240813"
"""The date in the tag of the first kindnetd with kube-network-policies built in (kind 0.24)."""


def _kindnet(containers: list[Json], version: str) -> bool | None:
    date = re.match(r"v?(\d{8})", version)
    return date[1] >= _KINDNET_ENFORCES if date else None


def _has_container(*parts: str) -> Callable[[list[Json], str], bool]:
    def judge(containers: list[Json], version: str) -> bool:
        return any(part in container.get("name", "") for container in containers for part in parts)

    return judge


def _argument(name: str, default: bool) -> Callable[[list[Json], str], bool]:
    """A boolean command line argument; alone, without ``=true``, it is on."""

    def judge(containers: list[Json], version: str) -> bool:
        for container in containers:
            for word in (*container.get("command", ()), *container.get("args", ())):
                key, _, value = str(word).lstrip("-").partition("=")
                if key == name:
                    return value.lower() not in ("false", "0")
        return default

    return judge


_KNOWN: Mapping[str, _Known] = {
    "antrea-agent": _Known("antrea", True, "antrea-agent"),
    "anetd": _Known("cilium (GKE Dataplane V2)", True, "cilium-agent"),
    "aws-node": _Known("aws-vpc-cni", _argument("enable-network-policy", False), "aws-node"),
    "azure-cni": _Known("azure-cni", False),
    "azure-cns": _Known("azure-cns", False),
    "azure-npm": _Known("azure-npm", True),
    "calico-node": _Known("calico", True, "calico-node"),
    "canal": _Known("canal", True, "calico-node"),
    "cilium": _Known("cilium", True, "cilium-agent"),
    "kindnet": _Known("kindnet", _kindnet, "kindnet"),
    "kube-flannel": _Known("flannel", _has_container("network-policies"), "kube-flannel"),
    "kube-flannel-ds": _Known("flannel", _has_container("network-policies"), "kube-flannel"),
    "kube-multus-ds": _Known("multus", False),
    "kube-network-policies": _Known("kube-network-policies", True),
    "kube-ovn-cni": _Known("kube-ovn", True, "cni-server"),
    "kube-router": _Known("kube-router", _argument("run-firewall", True)),
    "multus": _Known("multus", False),
    "netd": _Known("gke-netd", False),
    "ovnkube-node": _Known("ovn-kubernetes", True, "ovn"),
    "rke2-canal": _Known("canal", True, "calico-node"),
    "rke2-flannel": _Known("flannel", False),
    "romana-agent": _Known("romana", True),
    "terway": _Known("terway", None, "terway"),
    "terway-eni": _Known("terway", None, "terway"),
    "terway-eniip": _Known("terway", None, "terway"),
    "weave-net": _Known("weave-net", _has_container("weave-npc"), "weave"),
}
"""DaemonSet name -> plugin, in whichever namespace it is."""


def _main(containers: list[Json], part: str) -> Json:
    """The container that names the version: an exact name, then a name with the part, then the first."""
    for fits in (lambda name: name == part, lambda name: part in name):
        for container in containers:
            if part and fits(container.get("name", "")):
                return container
    return containers[0] if containers else {}


def _version(container: Json) -> str:
    """The tag of the image, without a digest: empty where there is none."""
    image = str(container.get("image", "")).partition("@")[0]
    last = image.rpartition("/")[2]
    return last.partition(":")[2]

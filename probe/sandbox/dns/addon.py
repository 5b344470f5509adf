"""The sandbox's side of the cluster's DNS: a service, the pod behind it, and a zone that follows the API's objects.

The zone goes into the pod by a volume, as a ConfigMap's content would: what answers is an ordinary pod on an ordinary
node, which policies can cut off, and which comes back when it is deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from probe import __version__
from probe.model.cell import Family
from probe.sandbox.api.rules.pod_defaults import default_pod
from probe.sandbox.controllers.clusterservices import cluster_address, create_service
from probe.sandbox.controllers.conditions import condition
from probe.sandbox.dns.message import Type
from probe.sandbox.dns.zone import Zone
from probe.sandbox.kubelet.pod import VOLUMES
from probe.sandbox.store import Obj, Store

DOMAIN: Final = "cluster.local"
NAMESPACE: Final = "kube-system"
NAME: Final = "kube-dns"
LABELS: Final = {"k8s-app": NAME}
RESOURCES: Final = ("namespaces", "services", "endpointslices", "pods")

_ADDRESS: Final = 10
"""Of the service network: 10.96.0.10."""
_PROGRAM: Final = ("python3", "-m", "probe.sandbox.dns")
_VOLUME, _DIRECTORY = "zone", "/run/zone"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def nameservers(families: Sequence[Family]) -> tuple[str, ...]:
    """Where pods ask, in the order of the families."""
    return tuple(cluster_address(family, _ADDRESS) for family in families)


class ClusterDns:
    """``run`` it once the first namespaces exist."""

    def __init__(self, store: Store, families: Sequence[Family]) -> None:
        self._store, self._families = store, families

    async def run(self) -> None:
        """For ever."""
        names = (("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"))
        ports = [{"name": name, "port": port, "protocol": protocol} for name, port, protocol in names]
        create_service(self._store, NAMESPACE, NAME, LABELS, ports, self._families, _ADDRESS, selector=LABELS)
        async with self._store.subscribe(*RESOURCES) as changes:
            while True:
                events = await changes.batch()
                pods = self._pods()
                if not any(_lives(pod) for pod in pods):
                    pods = [self._store.create("pods", dns_pod(self._families))]
                if any(event.resource != "pods" or event.obj in pods for event in events):
                    self._write(pods)

    def _pods(self) -> list[Obj]:
        mine = LABELS.items()
        return [
            pod for pod in self._store.list("pods", NAMESPACE) if mine <= (pod["metadata"].get("labels") or {}).items()
        ]

    def _write(self, pods: Iterable[Obj]) -> None:
        directories = [VOLUMES / pod["metadata"]["uid"] / _VOLUME for pod in pods]
        if there := [directory for directory in directories if directory.is_dir()]:
            zone = read_zone(self._store)
            for directory in there:
                zone.write(Path(directory))

    async def ready(self) -> None:
        """Wait until the pod is Ready."""
        async with self._store.subscribe("pods") as changes:
            while not any(_is_ready(pod) for pod in self._pods()):
                await changes.batch()


def read_zone(store: Store) -> Zone:
    """Names of everything that there is."""
    names: dict[str, dict[str, list[str]]] = {}
    headless: dict[tuple[str, str], str] = {}
    for service in store.list("services"):
        meta, spec = service["metadata"], service["spec"]
        name = f"{meta['name']}.{meta['namespace']}.svc"
        if target := spec.get("externalName"):
            names[name] = {Type.CNAME.name: [target]}
        elif spec.get("clusterIP") == "None":
            headless[meta["namespace"], meta["name"]] = name
        else:
            for address in spec.get("clusterIPs") or ():
                _add(names, name, address)
    for piece in store.list("endpointslices"):
        meta = piece["metadata"]
        owner = (meta.get("labels") or {}).get("kubernetes.io/service-name")
        if (owning := headless.get((meta["namespace"], owner or ""))) is not None:
            _add_endpoints(names, owning, piece)
    namespaces = frozenset(namespace["metadata"]["name"] for namespace in store.list("namespaces"))
    return Zone(DOMAIN, names, namespaces, store.revision)


def _add_endpoints(names: dict[str, dict[str, list[str]]], service: str, piece: Obj) -> None:
    """A headless service's name has all its ready endpoints, and each has a name of its own below it."""
    for endpoint in piece.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        for address in endpoint["addresses"]:
            _add(names, service, address)
            own = endpoint.get("hostname") or address.replace(".", "-").replace(":", "-")
            _add(names, f"{own}.{service}", address)


def _add(names: dict[str, dict[str, list[str]]], name: str, address: str) -> None:
    kind = Type.AAAA if ":" in address else Type.A
    listed = names.setdefault(name.lower(), {}).setdefault(kind.name, [])
    if address not in listed:
        listed.append(address)


def dns_pod(families: Sequence[Family]) -> Obj:
    """The pod; a name of its own each time, as a controller would choose it."""
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
    container: dict[str, Any] = {
        "name": "dns",
        "image": f"cni-probe-dns:{__version__}",
        "command": [*_PROGRAM, "serve", f"{_DIRECTORY}/zone.json"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
        ],
        "readinessProbe": {"exec": {"command": [*_PROGRAM, "ready", DOMAIN]}, "periodSeconds": 10, "timeoutSeconds": 3},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": _VOLUME, "mountPath": _DIRECTORY, "readOnly": True}],
    }
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{NAME}-{suffix}", "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "containers": [container],
            "volumes": [{"name": _VOLUME, "emptyDir": {}}],
            "dnsPolicy": "Default",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
            "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        },
    }
    default_pod(pod)
    return pod


def _lives(pod: Obj) -> bool:
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def _is_ready(pod: Obj) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"

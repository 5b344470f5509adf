"""Services that every cluster has, at addresses that everybody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

from probe.model.cell import Family
from probe.model.errors import SandboxError
from probe.sandbox.api.rules.services import allocate, default_service
from probe.sandbox.net.plan import SERVICES
from probe.sandbox.store import Obj, Store

API_SERVICE: Final = "kubernetes"
API_PORT: Final = 443
_API_ADDRESS: Final = 1
"""Of the service network: 10.96.0.1."""


def cluster_address(family: Family, offset: int) -> str:
    """An address of the service network."""
    return str(SERVICES[family][offset])


def create_service(
    store: Store,
    namespace: str,
    name: str,
    labels: Mapping[str, str],
    ports: Sequence[Mapping[str, Any]],
    families: Sequence[Family],
    offset: int,
    *,
    selector: Mapping[str, str] | None = None,
) -> Obj:
    """A ClusterIP service at a fixed place of the service network."""
    service: Obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "clusterIPs": [cluster_address(family, offset) for family in families],
            "ipFamilies": [str(family) for family in families],
            "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "RequireDualStack",
            "ports": [dict(port) for port in ports],
            **({"selector": dict(selector)} if selector else {}),
        },
    }
    default_service(service)
    if errors := allocate(store, service, families):
        raise SandboxError(f"service {namespace}/{name}: {errors[0]}")
    return store.create("services", service)


def api_address(families: Sequence[Family]) -> str:
    """Where pods find the API server: KUBERNETES_SERVICE_HOST."""
    return cluster_address(families[0], _API_ADDRESS)


def create_api_service(store: Store, families: Sequence[Family], address: str, port: int) -> None:
    """``default/kubernetes``, and the one place where the API server really listens."""
    family = families[0]
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": API_PORT, "targetPort": port, "protocol": "TCP"}]
    create_service(store, "default", API_SERVICE, labels, ports, [family], _API_ADDRESS)
    meta = {"name": API_SERVICE, "namespace": "default"}
    listed = [{"name": "https", "port": port, "protocol": "TCP"}]
    store.create(
        "endpoints",
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": meta | {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": [{"ip": address}], "ports": listed}],
        },
    )
    store.create(
        "endpointslices",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": meta | {"labels": {"kubernetes.io/service-name": API_SERVICE}},
            "addressType": "IPv4" if ip_address(address).version == 4 else "IPv6",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": listed,
        },
    )

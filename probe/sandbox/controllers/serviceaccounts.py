"""What every namespace finds in itself: the default service account and the cluster's root certificate."""

from __future__ import annotations

from probe.sandbox.controllers.namespaces import is_active
from probe.sandbox.store import Store

ROOT_CA = "kube-root-ca.crt"


async def run_service_accounts(store: Store, ca: str) -> None:
    """Keep both in every namespace that is not going away. ``ca`` is PEM."""
    async with store.subscribe("namespaces", "serviceaccounts", "configmaps") as changes:
        while True:
            names = {
                event.obj["metadata"]["name" if event.resource == "namespaces" else "namespace"]
                for event in await changes.batch()
            }
            for name in sorted(names):
                if is_active(store, name):
                    _complete(store, name, ca)


def _complete(store: Store, namespace: str, ca: str) -> None:
    if store.find("serviceaccounts", namespace, "default") is None:
        meta = {"name": "default", "namespace": namespace}
        store.create("serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    if store.find("configmaps", namespace, ROOT_CA) is None:
        meta = {"name": ROOT_CA, "namespace": namespace}
        store.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": ca}})

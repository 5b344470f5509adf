"""Results of a run that are kept in the cluster: a ConfigMap, for runs inside of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from probe.cluster.api import Api
from probe.cluster.rbac import RUNNER_LABELS
from probe.model.errors import UsageError
from probe.model.syntax import dns_label_error, dns_subdomain_error

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod reads which namespace it is in."""


def parse_configmap(text: str, own_namespace: Path = OWN_NAMESPACE) -> tuple[str, str]:
    """``NAMESPACE/NAME``, or ``NAME`` in the namespace of the pod that we are. Raises UsageError."""
    namespace, slash, name = text.rpartition("/")
    if not slash:
        try:
            namespace = own_namespace.read_text().strip()
        except OSError:
            raise UsageError(f"{text}: outside of a cluster the namespace must be named: NAMESPACE/{text}") from None
    error = dns_label_error(namespace) or dns_subdomain_error(name)
    if error:
        raise UsageError(f"{text} cannot be NAMESPACE/NAME of a ConfigMap: {error}")
    return namespace, name


async def write_configmap(
    api: Api, namespace: str, name: str, text: Mapping[str, str], binary: Mapping[str, bytes]
) -> None:
    """Make the ConfigMap, or give it this content and no other of ours. Raises ClusterError."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(RUNNER_LABELS)},
        "data": dict(text),
        "binaryData": {key: b64encode(value).decode() for key, value in binary.items()},
    }
    await api.apply(f"/api/v1/namespaces/{quote(namespace)}/configmaps/{quote(name)}", body)

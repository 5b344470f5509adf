"""The token that pods have without asking: a volume with it, the root certificate and the namespace's name.

After plugin/pkg/admission/serviceaccount: the pod's own word about it wins over its service account's.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from probe.sandbox.store import Obj

MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_SECONDS: Final = 3607
_FILE_MODE: Final = 0o644


def mount_token(account: Obj, pod: Obj) -> None:
    """Add the volume, and mount it in each container that has nothing else there, in place."""
    spec = pod["spec"]
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken")
    containers = [
        container
        for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]
        if all(mount.get("mountPath") != MOUNT_PATH for mount in container.get("volumeMounts") or ())
    ]
    if wanted is False or not containers:
        return
    name = f"kube-api-access-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
    spec["volumes"] = [*(spec.get("volumes") or ()), _volume(name)]
    for container in containers:
        mount = {"name": name, "mountPath": MOUNT_PATH, "readOnly": True}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]


def _volume(name: str) -> dict[str, Any]:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"defaultMode": _FILE_MODE, "sources": sources}}

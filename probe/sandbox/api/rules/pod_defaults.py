"""What the API server fills into a pod that leaves it out."""

from __future__ import annotations

from typing import Any, Final

from probe.sandbox.api.rules.hostnetwork import default_host_ports
from probe.sandbox.store import Obj

_NOT_READY: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_EVICTION_SECONDS: Final = 300
_FILE_MODE: Final = 0o644


def default_pod(pod: Obj) -> None:
    """Set defaults in place."""
    spec = pod.setdefault("spec", {})
    for key, value in {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
    }.items():
        spec.setdefault(key, value)
    spec.setdefault("securityContext", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        _default_container(container)
    default_host_ports(spec)
    for volume in spec.get("volumes", ()):
        _default_volume(volume)
    _default_tolerations(spec)
    pod.setdefault("status", {}).setdefault("phase", "Pending")
    pod["status"].setdefault("qosClass", qos_class(spec))


def _default_container(container: dict[str, Any]) -> None:
    if not container.get("imagePullPolicy"):
        image = container.get("image", "").partition("@")
        tag = image[0].rpartition("/")[2].partition(":")[2]
        latest = not image[1] and tag in ("", "latest")
        container["imagePullPolicy"] = "Always" if latest else "IfNotPresent"
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        if field := (variable.get("valueFrom") or {}).get("fieldRef"):
            field.setdefault("apiVersion", "v1")
    # Limits without requests are the requests.
    if limits := container["resources"].get("limits"):
        container["resources"]["requests"] = {**limits, **container["resources"].get("requests", {})}
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(kind):
            _default_probe(probe)


def _default_probe(probe: dict[str, Any]) -> None:
    for key, value in {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}.items():
        probe.setdefault(key, value)
    if http := probe.get("httpGet"):
        http.setdefault("path", "/")
        http.setdefault("scheme", "HTTP")


def _default_volume(volume: dict[str, Any]) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "downwardAPI", "projected"):
        if isinstance(volume.get(source), dict):
            volume[source].setdefault("defaultMode", _FILE_MODE)


def _default_tolerations(spec: dict[str, Any]) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in _NOT_READY:
        if not any(
            item.get("key") in (key, None) and item.get("effect") in ("NoExecute", None) for item in tolerations
        ):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _EVICTION_SECONDS}
            )


def qos_class(spec: dict[str, Any]) -> str:
    """How well a pod's containers say what they need."""
    resources = [container.get("resources", {}) for container in spec.get("containers", ())]
    if not any(item.get("limits") or item.get("requests") for item in resources):
        return "BestEffort"
    full = all({"cpu", "memory"} <= set(item.get("limits") or {}) for item in resources)
    return "Guaranteed" if full and all(item["limits"] == item.get("requests") for item in resources) else "Burstable"

"""The one word that says how a pod is, as ``kubectl get pods`` has it."""

from __future__ import annotations

from typing import Any

from probe.sandbox.store import Obj


def pod_ready(pod: Obj) -> str:
    """Ready containers of all: ``1/1``."""
    statuses = _containers(pod)
    return f"{sum(bool(item.get('ready')) for item in statuses)}/{len(pod['spec'].get('containers', ()))}"


def pod_restarts(pod: Obj) -> int:
    """Restarts of all containers."""
    return sum(int(item.get("restartCount", 0)) for item in _containers(pod))


def pod_status(pod: Obj) -> str:
    """The phase, or better the reason for it, or ``Terminating``."""
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    word: str = status.get("reason") or status.get("phase") or "Unknown"
    running = False
    for item in reversed(_containers(pod)):
        state = item.get("state") or {}
        if reason := _reason(state):
            word = reason
        running = running or bool(item.get("ready") and "running" in state)
    # One container is done, another still serves.
    if word == "Completed" and running:
        return "Running" if _is_ready(status) else "NotReady"
    return word


def _containers(pod: Obj) -> list[dict[str, Any]]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _reason(state: dict[str, Any]) -> str:
    if waiting := state.get("waiting"):
        return str(waiting.get("reason", ""))
    if (terminated := state.get("terminated")) is not None:
        signal = terminated.get("signal")
        fallback = f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode')}"
        return str(terminated.get("reason") or fallback)
    return ""


def _is_ready(status: dict[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", ()))

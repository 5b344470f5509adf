"""Tables of what makes pods, and of definitions."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.sandbox.api.columns import AGE, CREATED, NAME, NONE, Column, duration, selector_text
from probe.sandbox.store import Obj


def workload_tables() -> dict[str, tuple[Column, ...]]:
    """By plural."""
    made_of = (
        Column("Containers", lambda obj: _containers(obj, "name"), wide=True),
        Column("Images", lambda obj: _containers(obj, "image"), wide=True),
        Column("Selector", lambda obj: selector_text(obj["spec"].get("selector")), wide=True),
    )
    return {
        "jobs": (
            NAME,
            Column("Status", _job_status),
            Column("Completions", lambda job: f"{_status(job).get('succeeded', 0)}/{job['spec']['completions']}"),
            Column("Duration", _job_duration),
            AGE,
            *made_of,
        ),
        "deployments": (
            NAME,
            Column("Ready", lambda obj: f"{_status(obj).get('readyReplicas', 0)}/{obj['spec']['replicas']}"),
            Column("Up-to-date", lambda obj: _status(obj).get("updatedReplicas", 0)),
            Column("Available", lambda obj: _status(obj).get("availableReplicas", 0)),
            AGE,
            *made_of,
        ),
        "daemonsets": (
            NAME,
            Column("Desired", lambda obj: _status(obj).get("desiredNumberScheduled", 0)),
            Column("Current", lambda obj: _status(obj).get("currentNumberScheduled", 0)),
            Column("Ready", lambda obj: _status(obj).get("numberReady", 0)),
            Column("Up-to-date", lambda obj: _status(obj).get("updatedNumberScheduled", 0)),
            Column("Available", lambda obj: _status(obj).get("numberAvailable", 0)),
            Column("Node Selector", _node_selector),
            AGE,
            *made_of,
        ),
        "customresourcedefinitions": (NAME, CREATED),
    }


def _status(obj: Obj) -> Obj:
    return obj.get("status") or {}


def _containers(obj: Obj, field: str) -> str:
    return ",".join(item[field] for item in obj["spec"]["template"]["spec"]["containers"])


def _node_selector(obj: Obj) -> str:
    return selector_text({"matchLabels": obj["spec"]["template"]["spec"].get("nodeSelector")})


def _job_status(job: Obj) -> str:
    for item in _status(job).get("conditions") or ():
        if item["type"] in ("Complete", "Failed") and item["status"] == "True":
            return str(item["type"])
    return "Suspended" if job["spec"].get("suspend") else "Running"


def _job_duration(job: Obj) -> str:
    started, completed = _status(job).get("startTime"), _status(job).get("completionTime")
    if not started:
        return NONE if completed else ""
    end = datetime.fromisoformat(completed) if completed else datetime.now(UTC)
    return duration((end - datetime.fromisoformat(started)).total_seconds())

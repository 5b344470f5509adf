"""Jobs, Deployments and DaemonSets: pods by template. Of these only Jobs have a controller here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from probe.sandbox.api.errors import FieldError, forbidden_field, invalid, required, unsupported
from probe.sandbox.api.rules.compute import normalise_pod
from probe.sandbox.api.rules.pod_defaults import default_pod
from probe.sandbox.store import Obj, clone

JOB_UID: Final = "batch.kubernetes.io/controller-uid"
JOB_NAME: Final = "batch.kubernetes.io/job-name"

_JOB_DEFAULTS: Final = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "completions": 1,
    "parallelism": 1,
    "podReplacementPolicy": "TerminatingOrFailed",
    "suspend": False,
}
_CHANGING: Final = ("activeDeadlineSeconds", "backoffLimit", "parallelism", "suspend", "ttlSecondsAfterFinished")


def default_job(job: Obj) -> None:
    """In place; pods of a Job are known by its uid."""
    spec, meta = job.setdefault("spec", {}), job["metadata"]
    for key, value in _JOB_DEFAULTS.items():
        spec.setdefault(key, value)
    template = _default_template(spec, "")
    if spec.get("selector") is None and "uid" in meta:
        marks = {JOB_UID: meta["uid"], JOB_NAME: meta.get("name") or ""}
        marks |= {"controller-uid": meta["uid"], "job-name": meta.get("name") or ""}
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), **marks}
        spec["selector"] = {"matchLabels": {JOB_UID: meta["uid"]}}


def default_deployment(deployment: Obj) -> None:
    """In place."""
    spec = deployment.setdefault("spec", {})
    for key, value in {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}.items():
        spec.setdefault(key, value)
    update = {"maxSurge": "25%", "maxUnavailable": "25%"}
    spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": update})
    _default_template(spec, "Always")


def default_daemonset(daemonset: Obj) -> None:
    """In place."""
    spec = daemonset.setdefault("spec", {})
    spec.setdefault("revisionHistoryLimit", 10)
    update = {"maxSurge": 0, "maxUnavailable": 1}
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": update})
    _default_template(spec, "Always")
    status = daemonset.setdefault("status", {})
    for key in ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"):
        status.setdefault(key, 0)


def _default_template(spec: dict[str, Any], restart: str) -> dict[str, Any]:
    """The template as a pod that is to be: what admission and the cluster add comes when pods are made of it."""
    template: dict[str, Any] = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    stated = set(template.get("spec") or ())
    pod: Obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template.get("spec") or {}}
    normalise_pod(pod)
    default_pod(pod)
    template["spec"] = pod["spec"]
    for key in ("enableServiceLinks", "preemptionPolicy", "priority", "serviceAccount", "serviceAccountName"):
        if key not in stated:
            template["spec"].pop(key, None)
    if "tolerations" not in stated:
        template["spec"].pop("tolerations", None)
    if "restartPolicy" not in stated:
        template["spec"]["restartPolicy"] = restart
    return template


def validate_job(job: Obj) -> Iterator[FieldError]:
    """What its controller can run."""
    spec = job["spec"]
    policy = spec["template"]["spec"]["restartPolicy"]
    path = "spec.template.spec.restartPolicy"
    if not policy:
        yield required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("Never", "OnFailure"):
        yield unsupported(path, policy, ("OnFailure", "Never"))
    yield from _template(spec)
    for field in ("backoffLimit", "completions", "parallelism"):
        if spec[field] < 0:
            yield invalid(f"spec.{field}", spec[field], "must be greater than or equal to 0")


def validate_workload(workload: Obj) -> Iterator[FieldError]:
    """A Deployment or DaemonSet: the selector must select what the template makes."""
    spec = workload["spec"]
    if not spec.get("selector"):
        yield required("spec.selector")
    else:
        wanted = (spec["selector"].get("matchLabels") or {}).items()
        labels = spec["template"]["metadata"].get("labels") or {}
        if not wanted <= labels.items():
            yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    if (policy := spec["template"]["spec"]["restartPolicy"]) != "Always":
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))
    yield from _template(spec)


def _template(spec: dict[str, Any]) -> Iterator[FieldError]:
    if not spec["template"]["spec"].get("containers"):
        yield required("spec.template.spec.containers")
    for index, container in enumerate(spec["template"]["spec"].get("containers") or ()):
        for field in ("name", "image"):
            if not container.get(field):
                yield required(f"spec.template.spec.containers[{index}].{field}")


def keep_job(new: Obj, old: Obj) -> Iterator[FieldError]:
    """A Job is run as it was made."""
    fixed_new, fixed_old = _fixed(new), _fixed(old)
    for field in sorted({*fixed_new, *fixed_old}):
        if fixed_new.get(field) != fixed_old.get(field):
            yield forbidden_field(f"spec.{field}", "field is immutable")


def _fixed(job: Obj) -> Obj:
    found: Obj = clone({key: value for key, value in job["spec"].items() if key not in _CHANGING})
    return found


def keep_selector(new: Obj, old: Obj) -> Iterator[FieldError]:
    """What belongs to a workload stays its own."""
    if new["spec"].get("selector") != old["spec"].get("selector"):
        yield forbidden_field("spec.selector", "field is immutable")


def carry_job(new: Obj, old: Obj) -> None:
    """What the server added when the Job was made, if an update leaves it out, in place."""
    spec, before = new.get("spec") or {}, old["spec"]
    spec.setdefault("selector", clone(before.get("selector")))
    metadata = spec.setdefault("template", {}).setdefault("metadata", {})
    labels = before["template"]["metadata"].get("labels") or {}
    metadata["labels"] = {**labels, **(metadata.get("labels") or {})}

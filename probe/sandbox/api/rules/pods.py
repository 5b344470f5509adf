"""What the API server refuses in a pod, new or updated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from probe.model.cell import Protocol
from probe.model.syntax import dns_label_error, dns_subdomain_error, port_name_error, port_number_error
from probe.sandbox.api.errors import FieldError, duplicate, forbidden_field, invalid, required, unsupported
from probe.sandbox.api.rules.hostnetwork import validate_host_network
from probe.sandbox.store import Obj, clone

_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def validate_pod(pod: Obj) -> Iterator[FieldError]:
    """A defaulted pod's spec."""
    spec = pod["spec"]
    if not spec.get("containers"):
        yield required("spec.containers")
    volumes = _names(spec.get("volumes", ()))
    yield from _unique_names(spec.get("volumes", ()), "spec.volumes")
    everything = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    yield from _unique_names(everything, "spec.containers")
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field, ())):
            yield from _container(container, f"spec.{field}[{index}]", volumes)
    yield from validate_host_network(spec)
    if spec["restartPolicy"] not in _RESTART_POLICIES:
        yield unsupported("spec.restartPolicy", spec["restartPolicy"], _RESTART_POLICIES)
    if spec["dnsPolicy"] not in _DNS_POLICIES:
        yield unsupported("spec.dnsPolicy", spec["dnsPolicy"], _DNS_POLICIES)
    if spec["terminationGracePeriodSeconds"] < 0:
        yield invalid(
            "spec.terminationGracePeriodSeconds",
            spec["terminationGracePeriodSeconds"],
            "must be greater than or equal to 0",
        )
    if error := dns_subdomain_error(spec["serviceAccountName"]):
        yield invalid("spec.serviceAccountName", spec["serviceAccountName"], error)
    if (hostname := spec.get("hostname")) and (error := dns_label_error(hostname)):
        yield invalid("spec.hostname", hostname, error)


def _container(container: dict[str, Any], path: str, volumes: frozenset[str]) -> Iterator[FieldError]:
    name = container.get("name")
    if not name:
        yield required(f"{path}.name")
    elif error := dns_label_error(name):
        yield invalid(f"{path}.name", name, error)
    if not container.get("image"):
        yield required(f"{path}.image")
    if container["imagePullPolicy"] not in _PULL_POLICIES:
        yield unsupported(f"{path}.imagePullPolicy", container["imagePullPolicy"], _PULL_POLICIES)
    seen: set[str] = set()
    for index, port in enumerate(container.get("ports", ())):
        yield from _port(port, f"{path}.ports[{index}]", seen)
    for index, variable in enumerate(container.get("env", ())):
        if not variable.get("name"):
            yield required(f"{path}.env[{index}].name")
    for index, mount in enumerate(container.get("volumeMounts", ())):
        where = f"{path}.volumeMounts[{index}]"
        if mount.get("name") not in volumes:
            yield FieldError(f"{where}.name", "FieldValueNotFound", f'Not found: "{mount.get("name", "")}"')
        if not mount.get("mountPath"):
            yield required(f"{where}.mountPath")


def _port(port: dict[str, Any], path: str, names: set[str]) -> Iterator[FieldError]:
    number, name = port.get("containerPort"), port.get("name")
    if number is None:
        yield required(f"{path}.containerPort")
    elif error := port_number_error(number):
        yield invalid(f"{path}.containerPort", number, error)
    if port["protocol"] not in Protocol.__members__:
        yield unsupported(f"{path}.protocol", port["protocol"], sorted(Protocol))
    if name:
        if error := port_name_error(name):
            yield invalid(f"{path}.name", name, error)
        if name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)


def _names(items: Any) -> frozenset[str]:
    return frozenset(item.get("name", "") for item in items)


def _unique_names(items: Any, path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name")
        if name in seen:
            yield duplicate(f"{path}[{index}].name", name)
        seen.add(name)


def validate_pod_update(new: Obj, old: Obj) -> Iterator[FieldError]:
    """Of a pod's spec only images, tolerations (additions), the deadline and the scheduling may change."""
    if new["spec"] == old["spec"]:
        return
    if _fixed(new["spec"]) != _fixed(old["spec"]):
        yield forbidden_field(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)",
        )
    added = new["spec"].get("tolerations", [])
    if any(item not in added for item in old["spec"].get("tolerations", [])):
        yield forbidden_field(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _fixed(spec: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = clone(
        {key: value for key, value in spec.items() if key not in ("tolerations", "activeDeadlineSeconds")}
    )
    for container in [*kept.get("containers", ()), *kept.get("initContainers", ())]:
        container.pop("image", None)
    return kept

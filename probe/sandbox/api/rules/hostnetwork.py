"""Pods that use ports of their node: what is filled in and refused, in kube-apiserver's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probe.sandbox.api.errors import FieldError, duplicate, invalid


def default_host_ports(spec: dict[str, Any]) -> None:
    """On its node's network a container's port is the node's port, in place."""
    if spec.get("hostNetwork"):
        for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            for port in container.get("ports", ()):
                if "containerPort" in port and not port.get("hostPort"):
                    port["hostPort"] = port["containerPort"]


def validate_host_network(spec: dict[str, Any]) -> Iterator[FieldError]:
    """Host ports, and what does not go together with the node's network."""
    seen: set[tuple[str, str, Any]] = set()
    for index, container in enumerate(spec.get("containers", ())):
        for number, port in enumerate(container.get("ports", ())):
            path, host_port = f"spec.containers[{index}].ports[{number}]", port.get("hostPort")
            if spec.get("hostNetwork") and host_port != port.get("containerPort"):
                what = "must match `hostPort` when `hostNetwork` is true"
                yield invalid(f"{path}.containerPort", port.get("containerPort"), what)
            if not host_port:
                continue
            key = port.get("protocol", "TCP"), port.get("hostIP") or "", host_port
            if key in seen:
                yield duplicate(f"{path}.hostPort", "/".join(map(str, key)))
            seen.add(key)
    sysctls = (spec.get("securityContext") or {}).get("sysctls") or ()
    for index, sysctl in enumerate(sysctls):
        name = str(sysctl.get("name", ""))
        if spec.get("hostNetwork") and name.replace("/", ".").startswith("net."):
            what = "may not be specified when 'hostNetwork' is true"
            yield invalid(f"spec.securityContext.sysctls[{index}].name", name, what)

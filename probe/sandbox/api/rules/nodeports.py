"""Node ports of services: who has them, which are free, and how nodes treat what arrives there.

After kube-apiserver: a number belongs to one service, whatever the protocol; in one service, ports of the same number
share their node port. Numbers that are not asked for come from the upper part of the range, where nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from probe.sandbox.api.errors import FieldError, duplicate, forbidden_field, invalid, unsupported
from probe.sandbox.store import Obj, Store

TRAFFIC_POLICIES: Final = ("Cluster", "Local")

_RANGE: Final = range(30000, 32768)
_DYNAMIC: Final = range(30086, 32768)
_TYPES: Final = ("LoadBalancer", "NodePort")


def default_traffic_policy(spec: dict[str, Any]) -> None:
    """Set externalTrafficPolicy where it has a meaning, in place."""
    if spec["type"] in _TYPES:
        spec.setdefault("externalTrafficPolicy", "Cluster")


def validate_node_ports(spec: dict[str, Any]) -> Iterator[FieldError]:
    """A defaulted spec's node ports and its policy for them, in themselves."""
    has_node_ports, external = spec["type"] in _TYPES, spec.get("externalTrafficPolicy")
    if external and not has_node_ports and not spec.get("externalIPs"):
        what = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", external, what)
    elif external and external not in TRAFFIC_POLICIES:
        yield unsupported("spec.externalTrafficPolicy", external, TRAFFIC_POLICIES)
    if has_node_ports and spec.get("clusterIP") == "None":
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec['type']} services")
    seen: set[tuple[int, str]] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        number, path = port.get("nodePort"), f"spec.ports[{index}].nodePort"
        if not number:
            continue
        if not has_node_ports:
            yield forbidden_field(path, f"may not be used when `type` is '{spec['type']}'")
        if (key := (number, port["protocol"])) in seen:
            yield duplicate(path, number)
        seen.add(key)


def keep_node_ports(new: dict[str, Any], old: dict[str, Any]) -> None:
    """An update that leaves node ports out leaves them as they are, in place."""
    if new.get("type", "ClusterIP") not in _TYPES or old["type"] not in _TYPES:
        return
    known = {_identity(port): port.get("nodePort") for port in old.get("ports") or ()}
    taken = {port.get("nodePort") for port in new.get("ports") or ()}
    for port in new.get("ports") or ():
        number = known.get(_identity(port))
        if number and not port.get("nodePort") and number not in taken:
            port["nodePort"] = number


def drop_unused(new: dict[str, Any], old: dict[str, Any]) -> None:
    """A service that stops having node ports gives them back, unless the update itself states others; in place."""
    if new.get("type", "ClusterIP") in _TYPES or old["type"] not in _TYPES:
        return
    if [port.get("nodePort") for port in new.get("ports") or ()] == [
        port.get("nodePort") for port in old.get("ports") or ()
    ]:
        for port in new.get("ports") or ():
            port.pop("nodePort", None)
    if new.get("externalTrafficPolicy") == old.get("externalTrafficPolicy"):
        new.pop("externalTrafficPolicy", None)


def _identity(port: dict[str, Any]) -> tuple[Any, str]:
    return port.get("port"), port.get("protocol") or "TCP"


def allocate_node_ports(store: Store, service: Obj) -> list[FieldError]:
    """Give a new or updated service the node ports that it lacks, in place; returns why that is impossible."""
    spec = service["spec"]
    if spec["type"] not in _TYPES:
        return []
    ports, taken = spec.get("ports") or (), _taken(store, service)
    errors = [
        invalid(f"spec.ports[{index}].nodePort", number, error)
        for index, port in enumerate(ports)
        if (number := port.get("nodePort")) and (error := _unusable(number, taken))
    ]
    if errors or spec.get("allocateLoadBalancerNodePorts") is False:
        return errors
    chosen = {port["port"]: port["nodePort"] for port in ports if port.get("nodePort")}
    taken |= set(chosen.values())
    for index, port in enumerate(ports):
        if not port.get("nodePort"):
            number = chosen.get(port["port"]) or _free(taken)
            if number is None:
                what = "failed to allocate a nodePort: range is full"
                return [FieldError(f"spec.ports[{index}].nodePort", "InternalError", f"Internal error: {what}")]
            chosen[port["port"]] = port["nodePort"] = number
            taken.add(number)
    return []


def _taken(store: Store, service: Obj) -> set[int]:
    """Node ports of all other services."""
    meta = service["metadata"]
    return {
        port["nodePort"]
        for other in store.list("services")
        if (other["metadata"]["namespace"], other["metadata"]["name"]) != (meta["namespace"], meta["name"])
        for port in other["spec"].get("ports") or ()
        if port.get("nodePort")
    }


def _unusable(number: int, taken: set[int]) -> str | None:
    if number not in _RANGE:
        what = f"The range of valid ports is {_RANGE[0]}-{_RANGE[-1]}"
        return f"provided port is not in the valid range. {what}"
    return "provided port is already allocated" if number in taken else None


def _free(taken: set[int]) -> int | None:
    numbers = (*_DYNAMIC, *range(_RANGE.start, _DYNAMIC.start))
    return next((number for number in numbers if number not in taken), None)

"""The fields of objects that are read here, and what they must be.

Manifests are written for a cluster: whatever is in them that does not matter to policies is none of our business, and
neither is what a YAML reader might take for something else there. One table says which fields do matter.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from probe.model.cell import Protocol
from probe.model.fields import FieldError, invalid, required
from probe.model.metadata import validate_labels
from probe.model.objects import TEMPLATES
from probe.model.snapshot import TrafficPolicy
from probe.model.syntax import dns_label_error, dns_subdomain_error, port_name_error, port_number_error
from probe.scenario.document import FieldPath


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of one of some Python types. ``error`` says what else may be wrong with a value of such a type."""

    types: tuple[type, ...]
    wanted: str
    error: Callable[[Any], str | None] = lambda value: None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """A map of labels."""


@dataclass(frozen=True, slots=True)
class Whatever:
    """Read, but checked by somebody else."""


Shape: TypeAlias = "Leaf | Labels | Whatever | Mapping[str, Shape] | Sequence[Shape]"
"""A mapping's known fields (others are not read), or a list's one kind of items."""


def check_shape(value: Any, shape: Shape, path: FieldPath = ()) -> Iterator[FieldError]:
    """What the API server would refuse in the fields that the shape has; null fields are absent ones."""
    match shape:
        case Leaf():
            yield from _check_leaf(value, shape, path)
        case Whatever():
            return
        case Mapping() | Labels():
            if not isinstance(value, Mapping):
                yield _wrong_type(path, "an object")
            elif isinstance(shape, Labels):
                yield from validate_labels(value, path)
            else:
                yield from _check_fields(value, shape, path)
        case _:
            if not isinstance(value, list):
                yield _wrong_type(path, "a list")
                return
            for index, item in enumerate(value):
                yield from check_shape(item, shape[0], (*path, index))


def covers(shape: Shape, path: FieldPath) -> bool:
    """Whether a value at the path is read."""
    for part in path:
        match shape:
            case Labels() | Whatever():
                return True
            case Mapping() if part in shape:
                shape = shape[str(part)]
            case Sequence() if isinstance(part, int):
                shape = shape[0]
            case _:
                return False
    return True


def _check_fields(value: Mapping[str, Any], shape: Mapping[str, Shape], path: FieldPath) -> Iterator[FieldError]:
    for key, child in shape.items():
        item = value.get(key)
        if item is not None:
            yield from check_shape(item, child, (*path, key))
        elif isinstance(child, Leaf) and child.required:
            yield required((*path, key), f"must be {child.wanted}")


def _check_leaf(value: Any, leaf: Leaf, path: FieldPath) -> Iterator[FieldError]:
    if not isinstance(value, leaf.types) or (isinstance(value, bool) and bool not in leaf.types):
        yield _wrong_type(path, leaf.wanted)
    elif error := leaf.error(value):
        yield invalid(path, value, error)


def _wrong_type(path: FieldPath, wanted: str) -> FieldError:
    return FieldError(path, f"Invalid type: must be {wanted}", "FieldValueTypeInvalid")


# --- what is read --------------------------------------------------------------------------------------------------


def _text(error: Callable[[str], str | None] = lambda text: None) -> Leaf:
    return Leaf((str,), "a string", lambda text: error(text) if text else None)


def _one_of(*words: str) -> Leaf:
    return _text(lambda text: None if text in words else f"must be one of {', '.join(words)}")


def _address_error(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None if text == "None" else "must be an IP address"
    return None


def _target_error(target: int | str) -> str | None:
    return port_name_error(target) if isinstance(target, str) else port_number_error(target)


_BOOLEAN: Final = Leaf((bool,), "true or false")
_PROTOCOL: Final = _one_of(*Protocol)
_NUMBER: Final = Leaf((int,), "a port number", port_number_error, required=True)
_TARGET: Final = Leaf((int, str), "a port's number or name", lambda target: _target_error(target) if target else None)
_NODE_PORT: Final = Leaf((int,), "a port number", lambda number: port_number_error(number) if number else None)
_ADDRESS: Final = _text(_address_error)

_OWNERS: Final[Shape] = [{"kind": _text(), "name": _text(), "controller": _BOOLEAN}]
_METADATA: Final[Mapping[str, Shape]] = {
    "name": _text(dns_subdomain_error),
    "generateName": _text(),
    "namespace": _text(dns_label_error),
    "labels": Labels(),
    "ownerReferences": _OWNERS,
}
_PORT: Final[Shape] = {"containerPort": _NUMBER, "protocol": _PROTOCOL, "name": _text(port_name_error)}
_CONTAINER: Final[Shape] = {"ports": [_PORT], "restartPolicy": _text()}
_POD_SPEC: Final[Shape] = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "hostNetwork": _BOOLEAN,
    "nodeName": _text(),
}
_POD_STATUS: Final[Shape] = {"phase": _text(), "podIP": _ADDRESS, "podIPs": [{"ip": _ADDRESS}]}
_TEMPLATE: Final[Shape] = {"metadata": {"labels": Labels()}, "spec": _POD_SPEC}
_SERVICE_PORT: Final[Shape] = {
    "port": _NUMBER,
    "protocol": _PROTOCOL,
    "targetPort": _TARGET,
    "nodePort": _NODE_PORT,
    "name": _text(),
}
_SERVICE_SPEC: Final[Shape] = {
    "type": _one_of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    "selector": Labels(),
    "clusterIP": _ADDRESS,
    "clusterIPs": [_ADDRESS],
    "ports": [_SERVICE_PORT],
    "externalTrafficPolicy": _one_of(*TrafficPolicy),
    "allocateLoadBalancerNodePorts": _BOOLEAN,
}
_CONDITIONS: Final[Shape] = [{"type": _text(), "status": _text()}]
_REPLICAS: Final = Leaf((int,), "a number")


def _object(**fields: Shape) -> Mapping[str, Shape]:
    return {"apiVersion": Whatever(), "kind": Whatever(), "metadata": _METADATA, **fields}


def _workload(*path: str) -> Mapping[str, Shape]:
    shape: Shape = _TEMPLATE
    for key in reversed(path):
        shape = {key: shape}
    assert isinstance(shape, Mapping)
    spec = shape["spec"]
    assert isinstance(spec, Mapping)
    return _object(spec={"replicas": _REPLICAS, **spec}, status={"conditions": _CONDITIONS})


POLICY: Final[Mapping[str, Shape]] = _object(spec=Whatever())
"""A policy: validated as a whole by its own kind's rules, not by its shape."""

SHAPES: Final[Mapping[str, Mapping[str, Shape]]] = {
    "Namespace": _object(),
    "Pod": _object(spec=_POD_SPEC, status=_POD_STATUS),
    "Service": _object(spec=_SERVICE_SPEC),
    "Node": _object(status={"addresses": [{"address": _text()}]}),
    **{kind: _workload(*path) for kind, path in TEMPLATES.items()},
}
"""By kind, all but policies."""

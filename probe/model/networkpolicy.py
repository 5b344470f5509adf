"""What the Kubernetes API refuses in a NetworkPolicy (networking.k8s.io/v1), and what it fills in.

After the API server's own validation (pkg/apis/networking/validation and apimachinery's ObjectMeta and LabelSelector
checks), with wording near to it, so that a mistake is found before a cluster is touched, and found alike by the
sandbox's API server. An absent podSelector is the empty one, a null field is an absent one, as for the API server.
"""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from probe.model.cell import Protocol
from probe.model.scenario import Manifest
from probe.model.syntax import (
    dns_label_error,
    dns_subdomain_error,
    label_key_error,
    label_value_error,
    port_name_error,
    port_number_error,
)

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"
POLICY_TYPES = ("Egress", "Ingress")

_Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field. ``parts`` is its path as keys and indices, ``reason`` a CauseType of meta/v1 Status causes."""

    parts: _Path
    message: str
    reason: str = "FieldValueInvalid"

    @property
    def path(self) -> str:
        """``spec.ingress[0].from[1]``, as the API server writes it."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.parts)
        return text.removeprefix(".")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


UNKNOWN_FIELD = "FieldUnknown"
"""``FieldError.reason`` of a field the API does not have: refused in strict field validation, else dropped."""


def validate_network_policy(manifest: Manifest) -> list[FieldError]:
    """All that the API server would refuse; empty when the policy is valid."""
    return list(_policy(manifest))


def default_network_policy(manifest: Manifest) -> dict[str, Any]:
    """A copy with the API's defaults: podSelector ``{}``, policyTypes from the sections, protocol TCP.

    The policy must be valid. Null fields are dropped.
    """
    policy: dict[str, Any] = _without_nulls(copy.deepcopy(dict(manifest)))
    spec = policy.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for section in ("ingress", "egress"):
        for rule in spec.get(section, []):
            for port in rule.get("ports", []):
                port.setdefault("protocol", str(Protocol.TCP))
    return policy


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


# --- the object ----------------------------------------------------------------------------------------------------

_METADATA_FIELDS = {
    "annotations": dict,
    "creationTimestamp": str,
    "deletionGracePeriodSeconds": int,
    "deletionTimestamp": str,
    "finalizers": list,
    "generateName": str,
    "generation": int,
    "labels": dict,
    "managedFields": list,
    "name": str,
    "namespace": str,
    "ownerReferences": list,
    "resourceVersion": str,
    "selfLink": str,
    "uid": str,
}


def _policy(manifest: Manifest) -> Iterator[FieldError]:
    fields = {"apiVersion": str, "kind": str, "metadata": dict, "spec": dict}
    yield from _fields(manifest, (), fields)
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if manifest.get(key) != wanted:
            yield _invalid((key,), manifest.get(key), f"must be {wanted}")
    yield from validate_metadata(_mapping(manifest, "metadata"), ("metadata",))
    spec = _mapping(manifest, "spec")
    known = {"podSelector": dict, "policyTypes": list, "ingress": list, "egress": list}
    yield from _fields(spec, ("spec",), known)
    if "podSelector" in spec:
        yield from _selector(_mapping(spec, "podSelector"), ("spec", "podSelector"))
    for section, peers in (("ingress", "from"), ("egress", "to")):
        for path, rule in _items(spec, section, ("spec",)):
            yield from _rule(rule, peers, path)
    yield from _policy_types(spec)


def validate_metadata(metadata: Mapping[str, Any], path: _Path = ("metadata",)) -> Iterator[FieldError]:
    """What the API refuses in the metadata of a namespaced object (name: DNS-1123 subdomain)."""
    yield from _fields(metadata, path, _METADATA_FIELDS)
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        yield _required((*path, "name"), "name or generateName is required")
    elif isinstance(name, str) and (error := dns_subdomain_error(name)):
        yield _invalid((*path, "name"), name, error)
    if isinstance(namespace, str) and (error := dns_label_error(namespace)):
        yield _invalid((*path, "namespace"), namespace, error)
    yield from validate_labels(_mapping(metadata, "labels"), (*path, "labels"))
    for key, value in _mapping(metadata, "annotations").items():
        if error := label_key_error(key.lower()):
            yield _invalid((*path, "annotations"), key, error)
        if not isinstance(value, str):
            yield _type_error((*path, "annotations", key), str)


def validate_labels(labels: Mapping[str, Any], path: _Path) -> Iterator[FieldError]:
    """What the API refuses in a map of labels."""
    for key, value in labels.items():
        if error := label_key_error(key):
            yield _invalid((*path, key), key, error)
        if not isinstance(value, str):
            yield _type_error((*path, key), str)
        elif error := label_value_error(value):
            yield _invalid((*path, key), value, error)


def _policy_types(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    types = _list(spec, "policyTypes")
    path = ("spec", "policyTypes")
    if len(types) > len(POLICY_TYPES):
        yield _invalid(path, types, "may not specify more than two policyTypes")
        return
    for index, item in enumerate(types):
        if item not in POLICY_TYPES:
            yield _not_supported((*path, index), item, POLICY_TYPES)


def _rule(rule: Any, peers: str, path: _Path) -> Iterator[FieldError]:
    if not isinstance(rule, Mapping):
        yield _type_error(path, dict)
        return
    yield from _fields(rule, path, {"ports": list, peers: list})
    for port_path, port in _items(rule, "ports", path):
        yield from _port(port, port_path)
    for peer_path, peer in _items(rule, peers, path):
        yield from _peer(peer, peer_path)


# --- ports ---------------------------------------------------------------------------------------------------------


def _port(port: Any, path: _Path) -> Iterator[FieldError]:
    if not isinstance(port, Mapping):
        yield _type_error(path, dict)
        return
    yield from _fields(port, path, {"protocol": str, "port": (int, str), "endPort": int})
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    if isinstance(protocol, str) and protocol not in Protocol.__members__:
        yield _not_supported((*path, "protocol"), protocol, sorted(Protocol))
    if isinstance(number, str):
        if error := port_name_error(number):
            yield _invalid((*path, "port"), number, error)
    elif _is_int(number) and (error := port_number_error(number)):
        yield _invalid((*path, "port"), number, error)
    if _is_int(end):
        yield from _end_port(number, end, (*path, "endPort"))


def _end_port(number: Any, end: int, path: _Path) -> Iterator[FieldError]:
    if number is None:
        yield _invalid(path, end, "may not be specified when `port` is not specified")
    elif isinstance(number, str):
        yield _invalid(path, end, "may not be specified when `port` is non-numeric")
    else:
        if _is_int(number) and end < number:
            yield _invalid(path, end, "must be greater than or equal to `port`")
        if error := port_number_error(end):
            yield _invalid(path, end, error)


# --- peers ---------------------------------------------------------------------------------------------------------


def _peer(peer: Any, path: _Path) -> Iterator[FieldError]:
    if not isinstance(peer, Mapping):
        yield _type_error(path, dict)
        return
    yield from _fields(peer, path, {"podSelector": dict, "namespaceSelector": dict, "ipBlock": dict})
    present = [key for key in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(key) is not None]
    for key in present:
        value = _mapping(peer, key)
        yield from _ip_block(value, (*path, key)) if key == "ipBlock" else _selector(value, (*path, key))
    if not present:
        yield _required(path, "must specify a peer")
    elif "ipBlock" in present and len(present) > 1:
        yield FieldError(path, "Forbidden: may not specify both ipBlock and another peer", "FieldValueForbidden")


def _ip_block(block: Mapping[str, Any], path: _Path) -> Iterator[FieldError]:
    yield from _fields(block, path, {"cidr": str, "except": list})
    cidr = block.get("cidr")
    if not cidr:
        yield _required((*path, "cidr"), "must specify a CIDR")
        return
    network, error = _network(cidr)
    if error:
        yield _invalid((*path, "cidr"), cidr, error)
    for except_path, item in _items(block, "except", path):
        inner, error = _network(item)
        if error:
            yield _invalid(except_path, item, error)
        elif network and inner and not (_contains(network, inner) and network.prefixlen < inner.prefixlen):
            yield _invalid(except_path, item, "must be a strict subset of `cidr`")


_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(cidr: Any) -> tuple[_Network | None, str]:
    """The network and, when it is not one in canonical form, what is wrong."""
    wanted = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    if not isinstance(cidr, str) or not cidr.rpartition("/")[0] or not cidr.rpartition("/")[2].isdecimal():
        return None, wanted
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None, wanted
    if ipaddress.ip_address(cidr.rpartition("/")[0]) != network.network_address:
        return network, f'must not have bits set beyond the prefix length: did you mean "{network}"?'
    if str(network) != cidr.lower():
        return network, f'must be in canonical form ("{network}")'
    return network, ""


def _contains(outer: _Network, inner: _Network) -> bool:
    return outer.version == inner.version and inner.network_address in outer


# --- label selectors -----------------------------------------------------------------------------------------------


def _selector(selector: Mapping[str, Any], path: _Path) -> Iterator[FieldError]:
    yield from _fields(selector, path, {"matchLabels": dict, "matchExpressions": list})
    yield from validate_labels(_mapping(selector, "matchLabels"), (*path, "matchLabels"))
    for expression_path, expression in _items(selector, "matchExpressions", path):
        yield from _expression(expression, expression_path)


def _expression(expression: Any, path: _Path) -> Iterator[FieldError]:
    if not isinstance(expression, Mapping):
        yield _type_error(path, dict)
        return
    yield from _fields(expression, path, {"key": str, "operator": str, "values": list})
    key, operator, values = expression.get("key"), expression.get("operator"), _list(expression, "values")
    if operator in ("In", "NotIn"):
        if not values:
            yield _required((*path, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield FieldError((*path, "values"), message, "FieldValueForbidden")
    else:
        yield _invalid((*path, "operator"), operator, "not a valid selector operator")
    if error := label_key_error(key if isinstance(key, str) else ""):
        yield _invalid((*path, "key"), key, error)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            yield _type_error((*path, "values", index), str)
        elif error := label_value_error(value):
            yield _invalid((*path, "values", index), value, error)


# --- fields and types ----------------------------------------------------------------------------------------------

_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    (int, str): "an integer or a string",
}


def _fields(value: Mapping[str, Any], path: _Path, known: Mapping[str, Any]) -> Iterator[FieldError]:
    for key, item in value.items():
        if key not in known:
            where = FieldError((*path, key), "").path
            yield FieldError((*path, key), f'unknown field "{where}"', UNKNOWN_FIELD)
        elif item is not None and (not isinstance(item, known[key]) or isinstance(item, bool)):
            yield _type_error((*path, key), known[key])


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    item = value.get(key)
    return item if isinstance(item, Mapping) else {}


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    item = value.get(key)
    return item if isinstance(item, list) else []


def _items(value: Mapping[str, Any], key: str, path: _Path) -> Iterator[tuple[_Path, Any]]:
    return (((*path, key, index), item) for index, item in enumerate(_list(value, key)))


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _type_error(path: _Path, wanted: Any) -> FieldError:
    return FieldError(path, f"Invalid type: must be {_TYPE_NAMES[wanted]}", "FieldValueTypeInvalid")


def _required(path: _Path, message: str) -> FieldError:
    return FieldError(path, f"Required value: {message}", "FieldValueRequired")


def _invalid(path: _Path, value: Any, message: str) -> FieldError:
    shown = f'"{value}"' if isinstance(value, str) else value
    return FieldError(path, f"Invalid value: {shown}: {message}")


def _not_supported(path: _Path, value: Any, supported: Sequence[str]) -> FieldError:
    known = ", ".join(f'"{item}"' for item in supported)
    shown = f'"{value}"' if isinstance(value, str) else value
    return FieldError(path, f"Unsupported value: {shown}: supported values: {known}", "FieldValueNotSupported")

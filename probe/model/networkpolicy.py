"""What the Kubernetes API refuses in a NetworkPolicy (networking.k8s.io/v1), and what it fills in.

After the API server's own validation (pkg/apis/networking/validation and apimachinery's ObjectMeta and LabelSelector
checks), with wording near to it, so that a mistake is found before a cluster is touched, and found alike by the
sandbox's API server. An absent podSelector is the empty one, a null field is an absent one, as for the API server.
"""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from probe.model.cell import Protocol
from probe.model.fields import (
    FieldError,
    Path,
    check_fields,
    forbidden,
    invalid,
    is_int,
    items_of,
    list_of,
    mapping_of,
    not_supported,
    required,
    type_error,
)
from probe.model.manifest import Manifest
from probe.model.metadata import validate_metadata, validate_selector
from probe.model.syntax import port_name_error, port_number_error

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"
POLICY_TYPES = ("Egress", "Ingress")


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


def _policy(manifest: Manifest) -> Iterator[FieldError]:
    fields = {"apiVersion": str, "kind": str, "metadata": dict, "spec": dict}
    yield from check_fields(manifest, (), fields)
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if manifest.get(key) != wanted:
            yield invalid((key,), manifest.get(key), f"must be {wanted}")
    yield from validate_metadata(mapping_of(manifest, "metadata"), ("metadata",))
    spec = mapping_of(manifest, "spec")
    known = {"podSelector": dict, "policyTypes": list, "ingress": list, "egress": list}
    yield from check_fields(spec, ("spec",), known)
    if "podSelector" in spec:
        yield from validate_selector(mapping_of(spec, "podSelector"), ("spec", "podSelector"))
    for section, peers in (("ingress", "from"), ("egress", "to")):
        for path, rule in items_of(spec, section, ("spec",)):
            yield from _rule(rule, peers, path)
    yield from _policy_types(spec)


def _policy_types(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    types = list_of(spec, "policyTypes")
    path = ("spec", "policyTypes")
    if len(types) > len(POLICY_TYPES):
        yield invalid(path, types, "may not specify more than two policyTypes")
        return
    for index, item in enumerate(types):
        if item not in POLICY_TYPES:
            yield not_supported((*path, index), item, POLICY_TYPES)


def _rule(rule: Any, peers: str, path: Path) -> Iterator[FieldError]:
    if not isinstance(rule, Mapping):
        yield type_error(path, dict)
        return
    yield from check_fields(rule, path, {"ports": list, peers: list})
    for port_path, port in items_of(rule, "ports", path):
        yield from _port(port, port_path)
    for peer_path, peer in items_of(rule, peers, path):
        yield from _peer(peer, peer_path)


# --- ports ---------------------------------------------------------------------------------------------------------


def _port(port: Any, path: Path) -> Iterator[FieldError]:
    if not isinstance(port, Mapping):
        yield type_error(path, dict)
        return
    yield from check_fields(port, path, {"protocol": str, "port": (int, str), "endPort": int})
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    if isinstance(protocol, str) and protocol not in Protocol.__members__:
        yield not_supported((*path, "protocol"), protocol, sorted(Protocol))
    if isinstance(number, str):
        if error := port_name_error(number):
            yield invalid((*path, "port"), number, error)
    elif is_int(number) and (error := port_number_error(number)):
        yield invalid((*path, "port"), number, error)
    if is_int(end):
        yield from _end_port(number, end, (*path, "endPort"))


def _end_port(number: Any, end: int, path: Path) -> Iterator[FieldError]:
    if number is None:
        yield invalid(path, end, "may not be specified when `port` is not specified")
    elif isinstance(number, str):
        yield invalid(path, end, "may not be specified when `port` is non-numeric")
    else:
        if is_int(number) and end < number:
            yield invalid(path, end, "must be greater than or equal to `port`")
        if error := port_number_error(end):
            yield invalid(path, end, error)


# --- peers ---------------------------------------------------------------------------------------------------------


def _peer(peer: Any, path: Path) -> Iterator[FieldError]:
    if not isinstance(peer, Mapping):
        yield type_error(path, dict)
        return
    yield from check_fields(peer, path, {"podSelector": dict, "namespaceSelector": dict, "ipBlock": dict})
    present = [key for key in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(key) is not None]
    for key in present:
        value = mapping_of(peer, key)
        yield from _ip_block(value, (*path, key)) if key == "ipBlock" else validate_selector(value, (*path, key))
    if not present:
        yield required(path, "must specify a peer")
    elif "ipBlock" in present and len(present) > 1:
        yield forbidden(path, "may not specify both ipBlock and another peer")


def _ip_block(block: Mapping[str, Any], path: Path) -> Iterator[FieldError]:
    yield from check_fields(block, path, {"cidr": str, "except": list})
    cidr = block.get("cidr")
    if not cidr:
        yield required((*path, "cidr"), "must specify a CIDR")
        return
    network, error = _network(cidr)
    if error:
        yield invalid((*path, "cidr"), cidr, error)
    for except_path, item in items_of(block, "except", path):
        inner, error = _network(item)
        if error:
            yield invalid(except_path, item, error)
        elif network and inner and not (_contains(network, inner) and network.prefixlen < inner.prefixlen):
            yield invalid(except_path, item, "must be a strict subset of `cidr`")


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

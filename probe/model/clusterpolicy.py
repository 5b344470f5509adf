"""What the Kubernetes API refuses in the cluster-scoped network policies (policy.networking.k8s.io).

Three kinds, two generations: ClusterNetworkPolicy (v1alpha2), and before it AdminNetworkPolicy and
BaselineAdminNetworkPolicy (v1alpha1). They are custom resources: what a cluster refuses is in the CustomResource-
Definitions of kubernetes-sigs/network-policy-api (here: of the experimental channel, which has all fields), v0.2.0 for
the former and v0.1.7 for the latter. Stricter than those, because no implementation could make sense of it: label
selectors and port names must be well-formed, ranges of v1alpha1 ascend and its protocols exist, and domain names are
for rules that let traffic through, as the types' documentation says.

Unlike for built-in kinds a null field is not an absent one: a custom resource's schema refuses it.
"""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from probe.model.cell import Protocol
from probe.model.clusterports import validate_port, validate_protocol
from probe.model.crd import count, exactly_one_of, no_nulls, no_object
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

GROUP: Final = "policy.networking.k8s.io"
API_VERSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ClusterNetworkPolicy": f"{GROUP}/v1alpha2",
        "AdminNetworkPolicy": f"{GROUP}/v1alpha1",
        "BaselineAdminNetworkPolicy": f"{GROUP}/v1alpha1",
    }
)
"""The kinds of cluster-scoped network policies and their apiVersion."""

PLURALS: Final[Mapping[str, str]] = MappingProxyType({kind: f"{kind.lower()[:-1]}ies" for kind in API_VERSIONS})
"""Their resources, as paths of the API have them."""

BASELINE_NAME: Final = "default"
"""The only name that a BaselineAdminNetworkPolicy can have: there is at most one."""

TIERS: Final = ("Admin", "Baseline")
_MAX_PRIORITY = 1000
_MAX_NAME = 100
_MAX_NETWORKS = _MAX_DOMAINS = 25
_MAX_CIDR = 43


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where the kinds differ. ``actions``: the first one lets traffic through. ``most``: of rules in a direction, and
    of peers and ports in a rule. ``ports``: a rule's field that narrows it down to ports, ``named``: in one of its
    items, a port by its name."""

    spec: tuple[str, ...]
    actions: tuple[str, ...]
    most: int
    ports: str
    named: str
    egress_peers: tuple[str, ...]


_PEERS = ("namespaces", "pods")
_CNP = _Kind(
    spec=("tier", "priority", "subject"),
    actions=("Accept", "Deny", "Pass"),
    most=25,
    ports="protocols",
    named="destinationNamedPort",
    egress_peers=(*_PEERS, "nodes", "networks", "domainNames"),
)
_ANP = _Kind(
    spec=("priority", "subject"),
    actions=("Allow", "Deny", "Pass"),
    most=100,
    ports="ports",
    named="namedPort",
    egress_peers=(*_PEERS, "nodes", "networks", "domainNames"),
)
_BANP = _Kind(
    spec=("subject",),
    actions=("Allow", "Deny"),
    most=100,
    ports="ports",
    named="namedPort",
    egress_peers=(*_PEERS, "nodes", "networks"),
)
_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {"ClusterNetworkPolicy": _CNP, "AdminNetworkPolicy": _ANP, "BaselineAdminNetworkPolicy": _BANP}
)
_TYPES = {
    "tier": str, "priority": int, "subject": dict, "ingress": list, "egress": list,
    "namespaces": dict, "pods": dict, "nodes": dict, "networks": list, "domainNames": list,
}  # fmt: skip


def _types(fields: Sequence[str]) -> dict[str, type]:
    return {field: _TYPES[field] for field in fields}


def validate_cluster_policy(manifest: Manifest) -> list[FieldError]:
    """All that a cluster would refuse; empty when the policy is valid. ``kind`` must be one of `API_VERSIONS`."""
    name = manifest.get("kind")
    if name not in API_VERSIONS:
        return [not_supported(("kind",), name, tuple(API_VERSIONS))]
    return list(_policy(manifest, str(name)))


def default_cluster_policy(manifest: Manifest) -> dict[str, Any]:
    """A copy with the defaults of the definition: in v1alpha1, protocol TCP. The policy must be valid."""
    policy: dict[str, Any] = copy.deepcopy(dict(manifest))
    for section in ("ingress", "egress"):
        for rule in policy["spec"].get(section, ()):
            for port in rule.get("ports", ()):
                for numbers in (port[key] for key in ("portNumber", "portRange") if key in port):
                    numbers.setdefault("protocol", str(Protocol.TCP))
    return policy


# --- the object ----------------------------------------------------------------------------------------------------


def _policy(manifest: Manifest, name: str) -> Iterator[FieldError]:
    kind = _KINDS[name]
    yield from check_fields(
        manifest, (), {"apiVersion": str, "kind": str, "metadata": dict, "spec": dict, "status": dict}
    )
    if manifest.get("apiVersion") != API_VERSIONS[name]:
        yield invalid(("apiVersion",), manifest.get("apiVersion"), f"must be {API_VERSIONS[name]}")
    metadata = mapping_of(manifest, "metadata")
    yield from validate_metadata(metadata, namespaced=False)
    if kind is _BANP and metadata.get("name") not in (BASELINE_NAME, None, ""):
        yield invalid(("metadata", "name"), metadata["name"], f'must be "{BASELINE_NAME}": there is one in a cluster')
    if manifest.get("spec") is None:
        yield required(("spec",), "a policy needs a spec")
    spec = mapping_of(manifest, "spec")
    yield from no_nulls(spec, ("spec",))
    yield from check_fields(spec, ("spec",), _types((*kind.spec, "ingress", "egress")))
    for field in kind.spec:
        if isinstance(manifest.get("spec"), Mapping) and field not in spec:
            yield required(("spec", field), "must be specified")
    yield from _place(spec)
    if isinstance(spec.get("subject"), Mapping):
        yield from exactly_one_of(spec["subject"], ("spec", "subject"), _types(_PEERS))
        yield from _selectors(spec["subject"], ("spec", "subject"), kind)
    for section in ("ingress", "egress"):
        yield from count(spec, section, ("spec",), kind.most, at_least=0)
        for path, rule in items_of(spec, section, ("spec",)):
            yield from _rule(rule, section, path, kind)


def _place(spec: Mapping[str, Any]) -> Iterator[FieldError]:
    """The policy's place among others."""
    tier, priority = spec.get("tier"), spec.get("priority")
    if isinstance(tier, str) and tier not in TIERS:
        yield not_supported(("spec", "tier"), tier, TIERS)
    if is_int(priority) and not 0 <= priority <= _MAX_PRIORITY:
        yield invalid(("spec", "priority"), priority, f"must be between 0 and {_MAX_PRIORITY}, inclusive")


# --- rules ---------------------------------------------------------------------------------------------------------


def _rule(rule: Any, section: str, path: Path, kind: _Kind) -> Iterator[FieldError]:
    if not isinstance(rule, Mapping):
        yield from no_object(rule, path)
        return
    peers = "from" if section == "ingress" else "to"
    yield from check_fields(rule, path, {"name": str, "action": str, peers: list, kind.ports: list})
    for field in ("action", peers):
        if field not in rule:
            yield required((*path, field), "must be specified")
    action, name = rule.get("action"), rule.get("name")
    if isinstance(action, str) and action not in kind.actions:
        yield not_supported((*path, "action"), action, kind.actions)
    if isinstance(name, str) and len(name) > _MAX_NAME:
        yield invalid((*path, "name"), name, f"may not be more than {_MAX_NAME} characters")
    yield from count(rule, peers, path, kind.most)
    yield from count(rule, kind.ports, path, kind.most)
    for peer_path, peer in items_of(rule, peers, path):
        yield from _peer(peer, peer_path, kind, kind.egress_peers if section == "egress" else _PEERS)
        if isinstance(peer, Mapping) and "domainNames" in peer and action in kind.actions[1:]:
            yield forbidden((*peer_path, "domainNames"), f"only for rules that {kind.actions[0]}")
    for port_path, port in items_of(rule, kind.ports, path):
        yield from (validate_protocol if kind is _CNP else validate_port)(port, port_path)
    if section == "egress":
        yield from _no_names_without_pods(rule, path, kind)


def _no_names_without_pods(rule: Mapping[str, Any], path: Path, kind: _Kind) -> Iterator[FieldError]:
    """Only pods give their ports names."""
    named = any(isinstance(port, Mapping) and kind.named in port for port in list_of(rule, kind.ports))
    others = [field for field in kind.egress_peers if field not in _PEERS]
    if named and any(isinstance(peer, Mapping) and field in peer for peer in list_of(rule, "to") for field in others):
        yield forbidden(path, f"{'/'.join(others)} peers have no named ports: {kind.named} may not be set beside them")


# --- peers ---------------------------------------------------------------------------------------------------------


def _peer(peer: Any, path: Path, kind: _Kind, fields: Sequence[str]) -> Iterator[FieldError]:
    if not isinstance(peer, Mapping):
        yield from no_object(peer, path)
        return
    yield from exactly_one_of(peer, path, _types(fields))
    yield from _selectors(peer, path, kind)
    if isinstance(peer.get("nodes"), Mapping):
        yield from validate_selector(peer["nodes"], (*path, "nodes"))
    for field, most, error in (("networks", _MAX_NETWORKS, _cidr_error), ("domainNames", _MAX_DOMAINS, _domain_error)):
        yield from count(peer, field, path, most)
        yield from _names(peer, field, path, error)


def _selectors(value: Mapping[str, Any], path: Path, kind: _Kind) -> Iterator[FieldError]:
    """The fields ``namespaces`` and ``pods`` of a subject or peer."""
    if isinstance(value.get("namespaces"), Mapping):
        yield from validate_selector(value["namespaces"], (*path, "namespaces"))
    pods = value.get("pods")
    if not isinstance(pods, Mapping):
        return
    both = ("namespaceSelector", "podSelector")
    yield from check_fields(pods, (*path, "pods"), dict.fromkeys(both, dict))
    for field in both:
        if isinstance(pods.get(field), Mapping):
            yield from validate_selector(pods[field], (*path, "pods", field))
        elif field not in pods and (field == "podSelector" or kind is not _CNP):
            yield required((*path, "pods", field), "must be specified; {} selects all")


def _names(peer: Mapping[str, Any], field: str, path: Path, error_of: Any) -> Iterator[FieldError]:
    """The items of a list that is a set of strings."""
    seen = set()
    for item_path, item in items_of(peer, field, path):
        if not isinstance(item, str):
            yield from () if item is None else (type_error(item_path, str),)
        elif error := error_of(item):
            yield invalid(item_path, item, error)
        elif item in seen:
            yield FieldError(item_path, f'Duplicate value: "{item}"', "FieldValueDuplicate")
        else:
            seen.add(item)


def _cidr_error(text: str) -> str | None:
    """Bits beyond the prefix are no mistake here: they count for nothing."""
    address, _, length = text.rpartition("/")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    well_formed = network and re.fullmatch(r"0|[1-9][0-9]*", length) and "%" not in text and len(text) <= _MAX_CIDR
    mapped = isinstance(network, ipaddress.IPv6Network) and ipaddress.IPv6Address(address).ipv4_mapped is not None
    return None if well_formed and not mapped else "must be a CIDR, like 10.0.0.0/8 or fd00::/8"


# Labels as in the definition's pattern, where an underscore may begin one.
_DOMAIN_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:\*\.)?(?:{_DOMAIN_LABEL}\.)+{_DOMAIN_LABEL}\.?")


def _domain_error(text: str) -> str | None:
    if _DOMAIN.fullmatch(text):
        return None
    return 'must be a domain name of at least two labels, with "*" for nothing but the first one'

"""Specification of namespaces, pods and external endpoints -> model, with names and labels checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from probe.model.errors import Problem
from probe.model.fleet import CLUSTER_DNS, EXTERNAL, External, Namespace, Placement, Pod, Port
from probe.model.syntax import LABEL_VALUE_MAX, dns_label_error, label_key_error, label_value_error, port_name_error
from probe.scenario.document import Place
from probe.scenario.format.fleet import ExternalSpec, NamespaceSpec, PlacementSpec, PodSpec, PortSpec
from probe.scenario.format.strict import kept

# A run's namespaces are called cp-<6 characters>-<logical name> and must stay DNS labels.
NAMESPACE_MAX = 63 - len("cp-123456-")

_RESERVED_NAMES = {
    EXTERNAL: "endpoints outside the cluster go to spec.fleet.external",
    CLUSTER_DNS.partition("/")[0]: f"rules call the cluster's own DNS {CLUSTER_DNS}",
}

# A pod on the host's network has the node's ports, the low ones of which need a privilege that agents don't have.
_FIRST_HOST_PORT = 1024

_RESERVED_LABELS = ("cni-probe.dev/", "app.kubernetes.io/managed-by", "kubernetes.io/metadata.name")


def build_namespaces(specs: Mapping[str, NamespaceSpec], place: Place, problems: list[Problem]) -> list[Namespace]:
    """Namespaces with their pods, replicas expanded. ``place``: the mapping of namespaces."""
    return [_namespace(name, spec, place.child(name), problems) for name, spec in specs.items()]


def _namespace(name: str, spec: NamespaceSpec, place: Place, problems: list[Problem]) -> Namespace:
    if name in _RESERVED_NAMES:
        problems.append(place.key_problem(f'the namespace name "{name}" is reserved', _RESERVED_NAMES[name]))
    elif error := dns_label_error(name) or _too_long(name, NAMESPACE_MAX):
        problems.append(place.key_problem(f'"{name}" cannot be a namespace\'s name: {error}'))
    problems += check_labels(spec.labels, place.child("labels"))
    pods: dict[str, Pod] = {}
    for pod_name, pod_spec in spec.pods.items():
        pod_place = place.child("pods", pod_name)
        for pod in _pods(name, pod_name, pod_spec, pod_place, problems):
            if pod.name in pods:
                other = pods[pod.name].group
                problems.append(pod_place.key_problem(f'two pods would be called "{pod.id}"', f'see "{other}"'))
            pods[pod.name] = pod
    return Namespace(name, dict(spec.labels), tuple(pods.values()))


def _too_long(name: str, limit: int) -> str | None:
    return f"must be no more than {limit} characters" if len(name) > limit else None


def _pods(namespace: str, name: str, spec: PodSpec, place: Place, problems: list[Problem]) -> Iterator[Pod]:
    names = [name] if spec.replicas is None else [f"{name}-{index}" for index in range(spec.replicas)]
    longest = f"{namespace}.{names[-1]}"
    if error := dns_label_error(name):
        problems.append(place.key_problem(f'"{name}" cannot be a pod\'s name: {error}'))
    elif len(longest) > LABEL_VALUE_MAX:
        message = (
            f'"{longest}" has {len(longest)} characters; together they become a label of at most {LABEL_VALUE_MAX}'
        )
        problems.append(place.key_problem(message, "shorten the name of the pod or of the namespace"))
    problems += check_labels(spec.labels, place.child("labels"))
    symbols = [symbol for _, symbol in kept(spec.node)]
    for index, symbol in kept(spec.node):
        if error := label_value_error(symbol) or (None if symbol else "must not be empty"):
            problems.append(place.child("node", index).problem(f'"{symbol}" cannot be a node\'s symbol: {error}'))
    ports = build_ports(list(kept(spec.ports)), place.child("ports"), problems)
    if spec.host_network:
        problems += _low_ports(list(kept(spec.ports)), place.child("ports"))
    if spec.address_of is not None:
        problems += _own_address(spec, place)
    for index, pod_name in enumerate(names):
        node = symbols[index % len(symbols)] if symbols else None
        yield Pod(
            namespace,
            pod_name,
            name,
            dict(spec.labels),
            ports,
            node,
            spec.host_network,
            grace_seconds=spec.grace_seconds,
            address_of=spec.address_of,
        )


def _own_address(spec: PodSpec, place: Place) -> Iterator[Problem]:
    """What does not go together with another pod's address."""
    at = place.child("addressOf")
    if spec.host_network:
        yield at.problem("a pod with hostNetwork has its node's address")
    if spec.replicas is not None:
        yield at.problem("several pods cannot have one address", "leave out replicas")
    if spec.node:
        yield place.child("node").problem("addressOf decides on the node")


def _low_ports(ports: Sequence[tuple[int, PortSpec]], place: Place) -> Iterator[Problem]:
    for index, port in ports:
        if 0 < port.port < _FIRST_HOST_PORT:
            message = f"a pod with hostNetwork cannot serve {port.port}/{port.protocol}"
            hint = f"serve a port of {_FIRST_HOST_PORT} or more: the node's lower ones need privileges"
            yield place.child(index).problem(message, hint)


def build_placement(spec: PlacementSpec, place: Place, problems: list[Problem]) -> Placement:
    """Where pods without a node symbol go. That the group exists only a run can know."""
    if spec.group is not None:
        error = label_value_error(spec.group) or (None if spec.group else "must not be empty")
        if error:
            problems.append(place.child("group").problem(f'"{spec.group}" cannot be a group\'s name: {error}'))
    return Placement(spec.spread, spec.group)


def build_ports(specs: list[tuple[int, PortSpec]], place: Place, problems: list[Problem]) -> tuple[Port, ...]:
    """Ports with their indices in the file; number and protocol, and names, must be unique."""
    ports: list[Port] = []
    for index, spec in specs:
        port = Port(spec.port, spec.protocol, spec.name)
        at = place.child(index)
        if any(str(other) == str(port) for other in ports):
            problems.append(at.problem(f"port {port} stands here twice"))
        if port.name is not None:
            if any(other.name == port.name for other in ports):
                problems.append(at.child("name").problem(f'two ports are called "{port.name}"'))
            if error := port_name_error(port.name):
                problems.append(at.child("name").problem(f'"{port.name}" cannot be a port\'s name: {error}'))
        ports.append(port)
    return tuple(ports)


def check_labels(labels: Mapping[str, str | None], place: Place) -> Iterator[Problem]:
    """Keys and values after Kubernetes' rules, and none of those that a run or the cluster sets."""
    for key, value in labels.items():
        at = place.child(key)
        if key.startswith(_RESERVED_LABELS[0]) or key in _RESERVED_LABELS[1:]:
            yield at.key_problem(f'the label "{key}" is reserved', "it is set by cni-probe or the cluster")
        elif error := label_key_error(key):
            yield at.key_problem(f'"{key}" cannot be a label\'s key: {error}')
        if value is not None and (error := label_value_error(value)):
            yield at.problem(f'"{value}" cannot be a label\'s value: {error}')


def build_externals(specs: Mapping[str, ExternalSpec], place: Place, problems: list[Problem]) -> tuple[External, ...]:
    """Endpoints outside the cluster. Addresses come out in canonical form, and belong to one endpoint each."""
    owners: dict[str, str] = {}
    externals = []
    for name, spec in specs.items():
        at = place.child(name)
        if error := dns_label_error(name):
            problems.append(at.key_problem(f'"{name}" cannot be an endpoint\'s name: {error}'))
        addresses = []
        for index, text in kept(spec.addresses):
            address, error = canonical_address(text)
            if error is None and address in owners:
                error = f'already belongs to "{owners[address]}"'
            if error:
                problems.append(at.child("addresses", index).problem(f'"{text}" {error}'))
            else:
                owners[address] = name
                addresses.append(address)
        ports = build_ports(list(kept(spec.ports)), at.child("ports"), problems)
        if not spec.ports:
            problems.append(at.child("ports").problem("an endpoint outside the cluster must serve a port"))
        externals.append(External(name, tuple(addresses), ports))
    return tuple(externals)


def canonical_address(text: str) -> tuple[str, str | None]:
    """An endpoint's address in its canonical form, and what is wrong with it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        hint = " (a single address is needed, not a block)" if "/" in text else ""
        return text, f"is not an IPv4 or IPv6 address{hint}"
    if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
        return text, "is a loopback, unspecified, multicast or link-local address, which no pod can reach outside"
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.scope_id):
        return text, "is an IPv4-mapped address or has a zone; write the plain address"
    return str(address), None

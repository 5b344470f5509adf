"""Services: translation at the node of whoever connects, before policy sees the packet.

A connection to a cluster address is sent to a random ready backend; conntrack keeps it there. What is addressed to a
cluster address and was not translated (no ready backend, or a port that the service does not have) is refused, as
kube-proxy does. Where a service wants backends of one node only (internalTrafficPolicy, externalTrafficPolicy Local)
and has them elsewhere, packets are dropped, as kube-proxy does too.

Node ports are translated by the node whose address was asked for, as kube-proxy does: policy for egress sees the pod
behind it if that is the client's own node, else the other node's address and port. With externalTrafficPolicy
Cluster the node masquerades: a pod on another node sees the node that was asked, and so does policy there; a pod on
that very node sees the node too, but policy, which comes before masquerading, still sees the client.

A pod that reaches itself through its service would see its own address as the source and answer past the node.
Such connections are masqueraded (the pod sees its node), and NetworkPolicies do not apply to them: a pod is not a peer
of itself. The API leaves this open. Cluster-scoped policies do apply (``tiers.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe.model.cell import Family, Protocol
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD, TRANSPORT, Draft, destination, source
from probe.sandbox.enforce.ruleset import Chain, Set, VerdictMap
from probe.sandbox.enforce.view import Backend, ClusterView, NodePort, Pod, ServicePort

# Packets of pods and of others pass prerouting; those of the node and its host-network pods begin at output.
TRANSLATE = {
    "prerouting": "type nat hook prerouting priority -100; policy accept;",
    "output": "type nat hook output priority -100; policy accept;",
}
REFUSE = {  # right after translation
    "unserved": "type filter hook prerouting priority -90; policy accept;",
    "unserved-output": "type filter hook output priority -90; policy accept;",
}
MASQUERADE = "type nat hook postrouting priority srcnat; policy accept;"
MARK = "0x4000"
"""Set on a packet whose connection is to be masqueraded; it never leaves the node. kube-proxy's choice."""


def add_services(draft: Draft, view: ClusterView, node: str) -> None:
    """The chains, sets and maps of all services, and of the hairpins of this node's pods."""
    local = [pod for pod in view.policed if pod.node == node]
    translate, refuse, masquerade = [], [], [f"meta mark and {MARK} == {MARK} masquerade"]
    for family in Family:
        ip = KEYWORD[family]
        ports = f"{ADDRESS_TYPE[family]} . inet_proto . inet_service"
        verdicts = dict(_translations(draft, view, node, family))
        targets = draft.add_map("services", family, VerdictMap(ports, verdicts))
        addresses = frozenset(it.addresses[family] for it in view.services if family in it.addresses)
        own = draft.add_set("clusterips", family, Set(ADDRESS_TYPE[family], addresses))
        translate.append(f"{ip} daddr . meta l4proto . th dport vmap @{targets}")
        # A reset: an ICMP error that is as fast as a veth pair finds the connecting socket busy and is lost on it.
        refuse.append(f"{ip} daddr @{own} meta l4proto tcp reject with tcp reset")
        refuse.append(f"{ip} daddr @{own} reject with icmpx port-unreachable")
        masquerade.append(f"{ip} saddr . {ip} daddr @{_selves(draft, local, family)} masquerade")
    draft.chains.update({name: Chain(tuple(translate), hook) for name, hook in TRANSLATE.items()})
    draft.chains.update({name: Chain(tuple(refuse), hook) for name, hook in REFUSE.items()})
    draft.chains["postrouting"] = Chain(tuple(masquerade), MASQUERADE)


def hairpins(draft: Draft, pods: Iterable[Pod]) -> list[str]:
    """What matches connections of these pods to themselves, through a service."""
    listed = list(pods)
    return [f"{source(it)} . {destination(it)} @{_selves(draft, listed, it)}" for it in Family]


def _selves(draft: Draft, pods: Iterable[Pod], family: Family) -> str:
    """(address . address) of the pods."""
    addresses = (pod.addresses[family] for pod in pods if family in pod.addresses)
    pairs = frozenset(f"{address} . {address}" for address in addresses)
    return draft.add_set("hairpins", family, Set(f"{ADDRESS_TYPE[family]} . {ADDRESS_TYPE[family]}", pairs))


def _translations(draft: Draft, view: ClusterView, node: str, family: Family) -> Iterator[tuple[str, str]]:
    """(address . protocol . port) that this node translates, to what becomes of the packet. What has no backend at
    all is left alone: a cluster address is refused, a node's own port is a port that nobody serves."""
    own = view.nodes[node].addresses.get(family) if node in view.nodes else None
    for service in view.services:
        for port in service.ports:
            if port.family is family and port.backends:
                yield _key(port.address, port), _verdict(draft, port, node, masquerade=False)
        for node_port in service.node_ports:
            if node_port.family is family and node_port.backends and own is not None:
                yield _key(own, node_port), _verdict(draft, node_port, node, masquerade=not node_port.local)


def _key(address: str, port: ServicePort | NodePort) -> str:
    return f"{address} . {TRANSPORT[port.protocol]} . {port.port}"


def _verdict(draft: Draft, port: ServicePort | NodePort, node: str, *, masquerade: bool) -> str:
    backends = [backend for backend in port.backends if not port.local or backend.node == node]
    return f"goto {_balance(draft, port.family, port.protocol, backends, masquerade)}" if backends else "drop"


def _balance(draft: Draft, family: Family, protocol: Protocol, backends: list[Backend], masquerade: bool) -> str:
    """A chain that sends each new connection to one of the backends, all equally likely."""
    choices = ", ".join(f"{number} : {_target(backend)}" for number, backend in enumerate(backends))
    mark = (f"meta mark set meta mark or {MARK}",) if masquerade else ()
    rule = (
        f"meta l4proto {TRANSPORT[protocol]} "
        f"dnat {KEYWORD[family]} to numgen random mod {len(backends)} map {{ {choices} }}"
    )
    return draft.add_chain("to", (*mark, rule))


def _target(backend: Backend) -> str:
    return f"{backend.address} . {backend.port}"

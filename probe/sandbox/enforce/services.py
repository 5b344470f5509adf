"""ClusterIP services: translation at the node of whoever connects, before policy sees the packet.

A connection is sent to a random ready backend; conntrack keeps it there. What is addressed to a cluster address and
was not translated (no ready backend, or a port that the service does not have) is refused, as kube-proxy does.

A pod that reaches itself through its service would see its own address as the source and answer past the node.
Such connections are masqueraded (the pod sees its node), and policy does not apply to them: a pod is not a peer of
itself. The API leaves this open.
"""

from __future__ import annotations

from probe.model.cell import Family
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD, TRANSPORT, Draft, destination, source
from probe.sandbox.enforce.ruleset import Chain, Set, VerdictMap
from probe.sandbox.enforce.view import Backend, ClusterView, ServicePort

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


def add_services(draft: Draft, view: ClusterView, node: str) -> None:
    """The chains, sets and maps of all services, and of the hairpins of this node's pods."""
    translate, refuse, masquerade = [], [], []
    for family in Family:
        ip = KEYWORD[family]
        ports = f"{ADDRESS_TYPE[family]} . inet_proto . inet_service"
        targets = draft.add_map("services", family, VerdictMap(ports, _translations(draft, view, family)))
        addresses = frozenset(it.addresses[family] for it in view.services if family in it.addresses)
        own = draft.add_set("clusterips", family, Set(ADDRESS_TYPE[family], addresses))
        translate.append(f"{ip} daddr . meta l4proto . th dport vmap @{targets}")
        # A reset: an ICMP error that is as fast as a veth pair finds the connecting socket busy and is lost on it.
        refuse.append(f"{ip} daddr @{own} meta l4proto tcp reject with tcp reset")
        refuse.append(f"{ip} daddr @{own} reject with icmpx port-unreachable")
        masquerade.append(f"{ip} saddr . {ip} daddr @{_hairpins(draft, view, node, family)} masquerade")
    draft.chains.update({name: Chain(tuple(translate), hook) for name, hook in TRANSLATE.items()})
    draft.chains.update({name: Chain(tuple(refuse), hook) for name, hook in REFUSE.items()})
    draft.chains["postrouting"] = Chain(tuple(masquerade), MASQUERADE)


def accept_hairpins(draft: Draft, view: ClusterView, node: str) -> list[str]:
    """Rules that let a pod reach itself through its service."""
    return [f"{source(it)} . {destination(it)} @{_hairpins(draft, view, node, it)} accept" for it in Family]


def _hairpins(draft: Draft, view: ClusterView, node: str, family: Family) -> str:
    """(address . address) of the node's pods."""
    selves = Set(f"{ADDRESS_TYPE[family]} . {ADDRESS_TYPE[family]}", _selves(view, node, family))
    return draft.add_set("hairpins", family, selves)


def _selves(view: ClusterView, node: str, family: Family) -> frozenset[str]:
    local = (pod.addresses[family] for pod in view.policed if pod.node == node and family in pod.addresses)
    return frozenset(f"{address} . {address}" for address in local)


def _translations(draft: Draft, view: ClusterView, family: Family) -> dict[str, str]:
    verdicts = {}
    for service in view.services:
        for port in service.ports:
            if port.family is family and port.backends:
                key = f"{port.address} . {TRANSPORT[port.protocol]} . {port.port}"
                verdicts[key] = f"goto {_balance(draft, port)}"
    return verdicts


def _balance(draft: Draft, port: ServicePort) -> str:
    """A chain that sends each new connection to one of the backends, all equally likely."""
    choices = ", ".join(f"{number} : {_target(backend)}" for number, backend in enumerate(port.backends))
    rule = (
        f"meta l4proto {TRANSPORT[port.protocol]} "
        f"dnat {KEYWORD[port.family]} to numgen random mod {len(port.backends)} map {{ {choices} }}"
    )
    return draft.add_chain("to", (rule,))


def _target(backend: Backend) -> str:
    return f"{backend.address} . {backend.port}"

"""Pods on the host's network share their node's ports: two that serve the same one must not meet on a node.

Kubernetes would leave the second of them Pending, on some clusters and not on others, so it is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe.model.fleet import Pod, Port, Spread


def host_port_clashes(new: Iterable[Pod], present: Iterable[Pod], spread: Spread) -> Iterator[tuple[Pod, str, str]]:
    """Pods of ``new`` that may meet one before them on a node and a port, with message and hint; one of each group.

    Pods meet unless their node symbols differ, or neither has one and the placement gives each a node of its own. That
    a cluster has too few nodes for the symbols only a run can know.
    """
    others = [pod for pod in present if pod.host_network]
    reported: set[tuple[str, str]] = set()
    for pod in (pod for pod in new if pod.host_network):
        for other in others:
            port = _common_port(pod, other)
            if port is None or not _may_meet(pod, other, spread) or (pod.namespace, pod.group) in reported:
                continue
            reported.add((pod.namespace, pod.group))
            message = f"{other.id} and {pod.id} would both serve {port} on the host's network, perhaps of one node"
            alone = "" if pod.node or other.node else f", or write placement: {Spread.DIFFERENT} under fleet"
            yield pod, message, f"give each a node symbol of its own (node: a, node: b), or another port{alone}"
        others.append(pod)


def _common_port(pod: Pod, other: Pod) -> Port | None:
    taken = {(port.number, port.protocol) for port in other.ports}
    return next((port for port in pod.ports if (port.number, port.protocol) in taken), None)


def _may_meet(pod: Pod, other: Pod, spread: Spread) -> bool:
    if pod.node is not None and other.node is not None:
        return pod.node == other.node
    return pod.node is not None or other.node is not None or spread is not Spread.DIFFERENT

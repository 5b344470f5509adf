"""Traffic to a service: which flows policies may see of it, and what becomes of it if all of these agree.

Policies see pods and target ports, after the service's translation (NetworkPolicySpec). Which pod that is the service
chooses anew for each connection; and where traffic comes in through a node, the address that a policy sees as its
source may be the client's or a node's (Service.spec.externalTrafficPolicy).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from probe.model.cell import Family
from probe.model.snapshot import NodeState, PodState, ServicePort, ServiceState, Snapshot, TrafficPolicy
from probe.policy.decision import Answer, Decision, Exemption, combined
from probe.policy.oracle import Oracle, Question
from probe.policy.rules import Direction
from probe.policy.universe import Stranger, node_id

SOME_NODE = Stranger("some node", is_no_pod=True)
"""Stands for the nodes of a cluster of which none is known."""

SOMEBODY = Stranger("an endpoint that is not known")
"""Stands for the endpoints of a service without a selector."""

_NONE_SELECTED = "no pod is selected by the service"
_NONE_NEAR = "internalTrafficPolicy is Local, and no pod of the service is on the client's node"


class Entry(enum.StrEnum):
    """Where traffic to a service comes in."""

    CLUSTER_IP = "cluster-ip"
    NODE_PORT = "node-port"  # and load balancers, which lead to it


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls which port of a service, and how. ``port`` is the service's; a headless one translates nothing, so
    that its pods are called on that very number."""

    source: str
    service: ServiceState
    port: ServicePort
    entry: Entry = Entry.CLUSTER_IP
    family: Family = Family.IPV4


@dataclass(frozen=True, slots=True)
class View:
    """One flow that policies may see: as a whole, or only one side of it as it looks from there.

    ``note`` says when it is seen so, ``left_open`` why it has no answer, whatever its decision says.
    """

    decision: Decision
    sides: tuple[Direction, ...] = (Direction.EGRESS, Direction.INGRESS)
    note: str = ""
    left_open: str = ""

    @property
    def answer(self) -> Answer:
        """What becomes of it, as far as these sides go."""
        if self.left_open:
            return Answer.UNDEFINED
        decision = self.decision
        egress, ingress = (side.answer if side.direction in self.sides else Answer.ALLOW for side in decision.sides)
        answer = combined(egress, ingress)
        return Answer.ALLOW if decision.exemption is Exemption.SELF else answer

    @property
    def why(self) -> str:
        """Why it has no answer of its own; empty if it has one."""
        if self.answer is not Answer.UNDEFINED:
            return ""
        exemption = self.decision.exemption
        sides = (side.why for side in self.decision.sides if side.direction in self.sides and side.why)
        return self.left_open or (str(exemption) if exemption else next(sides, ""))


@dataclass(frozen=True, slots=True)
class ServiceDecision:
    """What should become of a call. ``why`` there is no answer; ``left_out`` are pods that do not serve the port."""

    call: Call
    answer: Answer
    views: tuple[View, ...]
    why: str = ""
    left_out: tuple[str, ...] = ()


def backends(snapshot: Snapshot, service: ServiceState) -> tuple[PodState, ...]:
    """The pods that a service's selector selects."""
    if not service.selector:
        return ()
    return tuple(
        pod
        for pod in snapshot.pods
        if pod.namespace == service.namespace and service.selector.items() <= pod.labels.items()
    )


def target_port(port: ServicePort, pod: PodState) -> int | None:
    """The port of a pod that a service's port leads to (ServicePort.targetPort); None if no container has its name."""
    if isinstance(port.target, int):
        return port.target or port.number
    named = (each for each in pod.ports if each.name == port.target and each.protocol is port.protocol)
    return next((each.number for each in named), None)


def judge(oracle: Oracle, snapshot: Snapshot, call: Call) -> ServiceDecision:
    """The views that a call may have, and the answer that all of them share.

    The oracle must know the source, ``SOME_NODE`` and ``SOMEBODY``. Raises KeyError for an unknown source.
    """
    if not call.service.selector:
        return _judge_strangers(oracle, call)
    selected = backends(snapshot, call.service)
    eligible = _eligible(oracle, call, selected)
    found = [(pod, _port_there(call, pod)) for pod in eligible]
    left_out = tuple(pod.id for pod, number in found if number is None)
    served = [(pod, number) for pod, number in found if number is not None]
    if not served:
        why = f"no pod serves {call.port.target}" if found else _NONE_NEAR if selected else _NONE_SELECTED
        return ServiceDecision(call, Answer.UNDEFINED, (), why, left_out)
    ways = [[*_views(oracle, snapshot, call, pod, number)] for pod, number in served]
    answers = [_agreed(views) for views in ways]
    answer = answers[0] if len(set(answers)) == 1 else Answer.UNDEFINED
    views = tuple(view for way in ways for view in way)
    return ServiceDecision(call, answer, views, _why(answers, views) if answer is Answer.UNDEFINED else "", left_out)


def _eligible(oracle: Oracle, call: Call, selected: Sequence[PodState]) -> Sequence[PodState]:
    """The pods among which the service chooses: with internalTrafficPolicy Local those of the client's node alone.

    Where that is not known, all of them may be.
    """
    client = _endpoint(oracle, call.source)
    home = client.node if isinstance(client, PodState) else client.name if isinstance(client, NodeState) else None
    by_cluster_ip = call.entry is Entry.CLUSTER_IP and not call.service.headless
    if not (home and by_cluster_ip and call.service.internal_traffic_policy is TrafficPolicy.LOCAL):
        return selected
    return [pod for pod in selected if not pod.node or pod.node == home]


def _judge_strangers(oracle: Oracle, call: Call) -> ServiceDecision:
    """Without a selector: whoever the endpoints are, the client's own policies may deny all of them."""
    why = "the service has no selector, so that its endpoints are not known"
    number = call.port.number if call.service.headless else call.port.target or call.port.number
    if isinstance(number, str):
        return ServiceDecision(call, Answer.UNDEFINED, (), why)
    decision = oracle.decide(call.source, SOMEBODY.id, Question(number, call.port.protocol, call.family))
    view = View(decision, (Direction.EGRESS,))
    if view.answer is Answer.DENY:
        return ServiceDecision(call, Answer.DENY, (view,))
    return ServiceDecision(call, Answer.UNDEFINED, (view,), why)


def _port_there(call: Call, pod: PodState) -> int | None:
    return call.port.number if call.service.headless else target_port(call.port, pod)


# --- what policies may see -----------------------------------------------------------------------------------------


def _views(oracle: Oracle, snapshot: Snapshot, call: Call, pod: PodState, number: int) -> Iterator[View]:
    """The flows that policies may see when the service chooses this pod."""
    asked = Question(number, call.port.protocol, call.family)
    inside = isinstance(_endpoint(oracle, call.source), PodState | NodeState)
    if call.service.headless:
        yield View(oracle.decide(call.source, pod.id, asked))
    elif call.source == pod.id:
        yield from _hairpin(oracle, pod, asked)
    elif call.entry is Entry.CLUSTER_IP and inside:
        yield View(oracle.decide(call.source, pod.id, asked))
    else:
        yield from _egress_views(oracle, snapshot, call, pod, asked)
        for seen, note in _sources(oracle, snapshot, call):
            yield _node_view(oracle.decide(seen, pod.id, asked), Direction.INGRESS, note)


def _hairpin(oracle: Oracle, pod: PodState, asked: Question) -> Iterator[View]:
    """A pod that reaches itself: its source may be rewritten, and it may be exempt from policies or not."""
    if pod.workload:
        yield View(oracle.decide(pod.id, pod.id, asked), note="the service chooses another pod of the workload")
    own = "the API leaves open what policies do to a pod's traffic to itself through its service"
    alike = oracle.as_another(pod.id, pod.id, asked)
    note = "the service chooses the calling pod itself"
    yield View(alike, note=note, left_open="" if alike.answer is Answer.ALLOW else own)


def _egress_views(oracle: Oracle, snapshot: Snapshot, call: Call, pod: PodState, asked: Question) -> Iterator[View]:
    """A client in the cluster: its own policies may see the pod that is chosen, or the node that it calls."""
    if not isinstance(_endpoint(oracle, call.source), PodState):
        return
    after = oracle.decide(call.source, pod.id, asked)
    unknown = "" if call.port.node_port or not after.egress.selected_by else "the service's node port is not known"
    yield View(after, (Direction.EGRESS,), "after translation", left_open=unknown)
    at_node = Question(call.port.node_port or call.port.number, call.port.protocol, call.family)
    for node in () if unknown else _nodes(snapshot):
        note = "before translation, as it leaves for a node's port"
        yield _node_view(oracle.decide(call.source, node, at_node), Direction.EGRESS, note)


def _node_view(decision: Decision, side: Direction, note: str) -> View:
    """One side of a flow. A node that is not known may be the pod's own, which no policy keeps from it."""
    view = View(decision, (side,), note)
    perhaps_own = SOME_NODE.id in (decision.source, decision.destination) and view.answer is Answer.DENY
    return replace(view, left_open=str(Exemption.PERHAPS_OWN_NODE)) if perhaps_own else view


def _sources(oracle: Oracle, snapshot: Snapshot, call: Call) -> Iterator[tuple[str, str]]:
    """What a pod's policies may see as the source of what came in through a node, and when."""
    local = call.entry is Entry.NODE_PORT and call.service.external_traffic_policy is TrafficPolicy.LOCAL
    yield (
        call.source,
        "externalTrafficPolicy Local keeps the client's address" if local else "the client's address is kept",
    )
    client = _endpoint(oracle, call.source)
    if local and isinstance(client, PodState):
        own = node_id(client.node or "")
        for node in [own] if own in oracle.universe.index else _nodes(snapshot):
            yield node, "the client's node puts its own address in the pod's place"
    elif not local:
        for node in _nodes(snapshot):
            if node != call.source:
                yield node, "a node that it comes in through puts its own address in the client's place"


def _nodes(snapshot: Snapshot) -> Iterable[str]:
    return [node_id(node.name) for node in snapshot.nodes] or [SOME_NODE.id]


def _endpoint(oracle: Oracle, name: str) -> object:
    return oracle.universe.endpoints[oracle.universe.index[name]]


# --- what they agree on --------------------------------------------------------------------------------------------


def _agreed(views: Iterable[View]) -> Answer:
    """What becomes of traffic to one pod: each side may be seen in any of its ways, so all of them must agree."""
    by_sides: dict[tuple[Direction, ...], set[Answer]] = {}
    for view in views:
        by_sides.setdefault(view.sides, set()).add(view.answer)
    agreed = [found.pop() if len(found) == 1 else Answer.UNDEFINED for found in by_sides.values()]
    answer = agreed[0]
    for other in agreed[1:]:
        answer = combined(answer, other)
    return answer


def _why(answers: Iterable[Answer], views: Sequence[View]) -> str:
    """Why there is no answer: pods differ, or what policies see of one does."""
    if len(set(answers)) > 1:
        return "it depends on which pod the service chooses"
    if not any(view.why for view in views) or {Answer.ALLOW, Answer.DENY} <= {view.answer for view in views}:
        return "it depends on what the policies see, before or after translation"
    return next(view.why for view in views if view.why)

"""Pods that no policy protects, and pods that are protected from the name server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probe.lint.context import Context, PolicyView
from probe.lint.finding import Found, Level, at, at_key
from probe.lint.selectors import means_cluster_dns
from probe.model.cell import Protocol
from probe.model.snapshot import NAME_LABEL, PodState
from probe.policy.ports import NamedPort, PortMatch, PortRange
from probe.policy.rules import Action, BlockPeer, Direction, Peer, PodPeer, Rule, Tier

_DNS_PORTS = (53, 5353)
"""53, and where name servers run without the right to low ports (policies see the port of the pod)."""
_DNS_NAMESPACE = {NAME_LABEL: "kube-system"}
_SHOWN = 3


def no_default_deny(context: Context) -> Iterator[Found]:
    """A namespace with pods that accept everything, or that will once there is a new one."""
    isolating: dict[str, list[PolicyView]] = {}
    for view in _isolating(context, Direction.INGRESS):
        isolating.setdefault(view.object.namespace, []).append(view)
    for namespace in dict.fromkeys(pod.namespace for pod in context.pods):
        pods = [pod for pod in context.pods_in(namespace) if not pod.host_network]
        selecting = isolating.get(namespace, [])
        if not pods or any(not view.policy.subject.pods.requirements for view in selecting):
            continue
        bits = context.universe.select(PodPeer(namespace=namespace)) & ~context.universe.host
        for view in (*selecting, *_baselines(context)):
            bits &= ~context.universe.select(view.policy.subject)
        open_pods = [context.pods[bit] for bit in context.universe.members(bits)]
        yield from _unprotected(context, namespace, open_pods, selecting)


def _unprotected(
    context: Context, namespace: str, pods: Sequence[PodState], selecting: Sequence[PolicyView]
) -> Iterator[Found]:
    owner = context.objects.get(("Namespace", "", namespace))
    first = owner or next(each for name, each in context.manifests.pods.items() if name.startswith(f"{namespace}/"))
    place = first.place.child("metadata", "name")
    hint = "add a policy with podSelector {} and policyTypes [Ingress]"
    if pods and selecting:
        names = ", ".join(pod.name for pod in pods[:_SHOWN]) + (", ..." if len(pods) > _SHOWN else "")
        message = f"in the namespace {namespace} no policy selects {names} for ingress: everybody reaches them"
        yield at(place, message, hint)
    elif pods:
        yield at(place, f"the namespace {namespace} has no policy for ingress: everybody reaches its pods", hint)
    elif not any(True for _ in _baselines(context)):
        message = f"every pod of the namespace {namespace} is selected for ingress, but a new one may be by no policy"
        yield at(place, message, hint, Level.INFO)


def _isolating(context: Context, direction: Direction) -> Iterator[PolicyView]:
    return (view for view in context.network_policies if direction in view.policy.directions)


def _baselines(context: Context) -> Iterator[PolicyView]:
    """Policies that deny ingress from every pod where no NetworkPolicy has decided."""
    for view in context.cluster_policies:
        rules = view.policy.directions.get(Direction.INGRESS, ())
        if view.policy.tier is Tier.BASELINE and any(_denies_all(rule) for rule in rules):
            yield view


def _denies_all(rule: Rule) -> bool:
    return rule.action is Action.DENY and rule.ports is None and PodPeer() in (rule.peers or ())


# --- DNS -----------------------------------------------------------------------------------------------------------


def egress_without_dns(context: Context) -> Iterator[Found]:
    """Pods that may connect to something, and cannot find out its address. Who may connect to nothing needs none."""
    seen: set[int] = set()
    for policies in _egress_groups(context):
        for view in policies:
            rules = view.policy.directions.get(Direction.EGRESS, ())
            if (
                not (rules and view.is_network_policy)
                or id(view) in seen
                or all(_names_addresses_only(rule) for rule in rules)
            ):
                continue
            missing = [each for each in (Protocol.UDP, Protocol.TCP) if not _dns_allowed(context, policies, each)]
            if missing:
                seen.add(id(view))
                yield _no_dns(view, missing)


def _no_dns(view: PolicyView, missing: Sequence[Protocol]) -> Found:
    place = view.place.child("egress")
    hint = "allow 53/UDP and 53/TCP to kube-system, in this policy or in one of its own"
    if Protocol.UDP in missing:
        return at_key(place, "the pods that it selects may not ask a name server: names will not resolve", hint)
    message = "DNS is allowed over UDP only: answers that are too long for it come over TCP"
    return at_key(place, message, hint, Level.INFO)


def _egress_groups(context: Context) -> Iterator[tuple[PolicyView, ...]]:
    """Policies that decide egress together: those that select the same pod, or, where no pod is here, a policy and
    those that select every pod of its namespace. What a cluster-scoped policy accepts first is accepted."""
    views = list(_isolating(context, Direction.EGRESS))
    above = [view for view in context.cluster_policies if view.policy.tier is Tier.ADMIN]
    selects = {id(view): context.universe.select(view.policy.subject) for view in (*views, *above)}
    by_pod: dict[int, list[PolicyView]] = {}
    for view in (*views, *above):
        for bit in context.universe.members(selects[id(view)]):
            by_pod.setdefault(bit, []).append(view)
    groups = {tuple(map(id, group)): tuple(group) for group in by_pod.values()}
    yield from (_only_isolated(group) for group in groups.values())
    for view in views:
        if not selects[id(view)]:
            home = [other for other in views if other.object.namespace == view.object.namespace]
            yield (view, *(other for other in home if other is not view and not other.policy.subject.pods.requirements))


def _only_isolated(group: tuple[PolicyView, ...]) -> tuple[PolicyView, ...]:
    return group if any(view.is_network_policy for view in group) else ()


def _names_addresses_only(rule: Rule) -> bool:
    """Whether all that a rule allows is reached by address: single addresses, which nobody has to look up."""
    return bool(rule.peers) and all(_is_address(peer) for peer in rule.peers or ())


def _is_address(peer: Peer) -> bool:
    return isinstance(peer, BlockPeer) and peer.block.prefixlen == peer.block.max_prefixlen


def _dns_allowed(context: Context, policies: Sequence[PolicyView], protocol: Protocol) -> bool:
    rules = (rule for view in policies for rule in view.policy.directions.get(Direction.EGRESS, ()))
    return any(rule.action is Action.ACCEPT and _allows_dns(context, rule, protocol) for rule in rules)


def _allows_dns(context: Context, rule: Rule, protocol: Protocol) -> bool:
    """A rule that names the port was made for DNS, whoever its peers are; else they must be able to be it."""
    if rule.ports is not None and not any(_is_dns_port(port, protocol) for port in rule.ports):
        return False
    named = rule.ports is not None and any(not _is_any(port) for port in rule.ports)
    return named or rule.peers is None or any(_may_be_dns(context, peer) for peer in rule.peers)


def _is_dns_port(port: PortMatch, protocol: Protocol) -> bool:
    if isinstance(port, NamedPort):
        return port.protocol in (None, protocol) and "dns" in port.name
    return any(port.covers(number, protocol) for number in _DNS_PORTS)


def _is_any(port: PortMatch) -> bool:
    return isinstance(port, PortRange) and port == PortRange(port.protocol)


def _may_be_dns(context: Context, peer: Peer) -> bool:
    if isinstance(peer, BlockPeer):
        return not _is_address(peer)
    if not isinstance(peer, PodPeer):
        return True
    if any(port.number in _DNS_PORTS for pod in context.selected(peer) for port in pod.ports):
        return True
    if peer.namespace is not None:
        return peer.namespace == "kube-system"
    labels: Mapping[str, str] = context.manifests.snapshot.namespaces.get("kube-system") or _DNS_NAMESPACE
    return peer.namespaces.selects(labels) and (not peer.pods.requirements or means_cluster_dns(peer.pods))

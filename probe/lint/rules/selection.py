"""Selectors that select nothing, and labels that are spelt almost as those in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from probe.lint.context import Context, PolicyView
from probe.lint.finding import Found, Level, at, at_key
from probe.lint.selectors import (
    SYSTEM_NAMESPACES,
    Labelled,
    Term,
    labels_in_use,
    means_cluster_dns,
    named_namespaces,
    terms,
)
from probe.lint.spelling import slip_for
from probe.model.snapshot import NAME_LABEL
from probe.policy.rules import NodePeer, PodPeer
from probe.policy.selectors import EVERYTHING, Selector
from probe.scenario.document import Place


def selects_nothing(context: Context) -> Iterator[Found]:
    """A policy whose subject no pod meets; where the namespace has no pod at all, ``no-pods-in-namespace`` says it."""
    for view in context.policies if context.pods else ():
        subject = view.policy.subject
        if context.universe.select(subject) or (subject.namespace and not context.pods_in(subject.namespace)):
            continue
        where = f" of {subject.namespace}" if subject.namespace else ""
        message = f"no pod{where} has {subject.pods}" if subject.pods.requirements else "it selects no pod"
        if subject.namespace is None and subject.namespaces.requirements:
            message = f"no pod of a namespace with {subject.namespaces}" + (
                f" has {subject.pods}" if subject.pods.requirements else " is here"
            )
        level = _level_of_unknown(context, subject.namespaces)
        yield at_key(view.subject_place, f"{message}: the policy does nothing", level=level)


def no_pods_in_namespace(context: Context) -> Iterator[Found]:
    """A NetworkPolicy in a namespace of which no pod is here."""
    for view in context.network_policies if context.pods else ():
        namespace = view.object.namespace
        if not context.pods_in(namespace):
            place = view.object.place.child("metadata")
            name = place.child("namespace")
            shown = name if name.path in place.document.values else place
            near = slip_for(namespace, {pod.namespace for pod in context.pods})
            hint = f'did you mean "{near}"?' if near else ""
            yield at(shown, f"the namespace {namespace} has no pod here", hint, Level.WARNING if near else None)


def peer_matches_nothing(context: Context) -> Iterator[Found]:
    """A peer that means no pod or node. Namespaces that every cluster has, and its name server, are in nobody's
    manifests; of namespaces that are only used here, no label is known."""
    for view, place, peer in _peers(context):
        if isinstance(peer, NodePeer):
            yield from _nodes_without(context, place, peer)
        elif isinstance(peer, PodPeer) and context.pods and not context.universe.select(peer):
            if view.is_network_policy and meets_only_apart(context, view, peer):
                continue  # and-instead-of-or says it better
            yield from _pods_without(context, place, peer)


def _peers(context: Context) -> Iterator[tuple[PolicyView, Place, object]]:
    for view in context.policies:
        for rule in view.rules:
            for place, peer in view.peers(rule):
                yield view, place, peer


def _nodes_without(context: Context, place: Place, peer: NodePeer) -> Iterator[Found]:
    nodes = context.manifests.snapshot.nodes
    if nodes and not any(peer.nodes.selects(node.labels) for node in nodes):
        yield at(place, f"no node has {peer.nodes}")


def _pods_without(context: Context, place: Place, peer: PodPeer) -> Iterator[Found]:
    known = context.manifests.snapshot.namespaces
    if peer.namespace is not None:
        if not context.pods_in(peer.namespace):
            return
        yield at(
            place,
            f"no pod of {peer.namespace} has {peer.pods}",
            "a podSelector alone means pods of the policy's own namespace; add a namespaceSelector for others",
        )
        return
    chosen = context.namespaces_with(peer.namespaces)
    names = named_namespaces(peer.namespaces)
    if any(name in SYSTEM_NAMESPACES for name in (*names, *chosen)) or means_cluster_dns(peer.pods):
        return
    if not chosen and names:
        near = next((slip for name in names if (slip := slip_for(name, known))), None)
        hint = f'did you mean "{near}"?' if near else "it may be somebody else's"
        level = Level.WARNING if near else Level.INFO
        yield at(place, f"no namespace here is called {' or '.join(names)}", hint, level)
    elif not chosen:
        unsure = _level_of_unknown(context, peer.namespaces)
        yield at(place, f"no namespace here has {peer.namespaces}", _hint_of_unknown(context), unsure)
    elif peer.pods.requirements:
        yield at(place, f"no pod of {_some(chosen)} has {peer.pods}")
    else:
        yield at(place, f"there is no pod here in {_some(chosen)}", level=Level.INFO)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{', '.join(names[:3])} or {len(names) - 3} more namespaces"


def _level_of_unknown(context: Context, namespaces: Selector) -> Level | None:
    """Less sure where a namespace without a definition might have the labels."""
    only_by_name = all(requirement.key == NAME_LABEL for requirement in namespaces.requirements)
    return None if only_by_name or not context.manifests.inferred else Level.INFO


def _hint_of_unknown(context: Context) -> str:
    names = sorted(context.manifests.inferred)
    return f"the labels of {_some(names)} are not known: add the Namespace objects" if names else ""


def meets_only_apart(context: Context, view: PolicyView, peer: PodPeer) -> bool:
    """Whether nobody meets both selectors of a peer, though pods of the policy's own namespace meet the one and pods
    of other namespaces the other."""
    if peer.namespace is not None or not (peer.pods.requirements and peer.namespaces.requirements):
        return False
    select = context.universe.select
    own = PodPeer(peer.pods, namespace=view.object.namespace)
    return not select(peer) and bool(select(own)) and bool(select(PodPeer(EVERYTHING, peer.namespaces)))


# --- spelling ------------------------------------------------------------------------------------------------------


def label_near_miss(context: Context) -> Iterator[Found]:
    """A label that nothing has, while something has one that is almost the same."""
    used = {labelled: labels_in_use(context, labelled) for labelled in Labelled}

    @cache
    def nearest(labelled: Labelled, key: str, value: str | None) -> str | None:
        labels = used[labelled]
        if key not in labels:
            return slip_for(key, labels)
        near = slip_for(value, filter(None, labels[key])) if value else None
        return f"{key}={near}" if near else None

    for term in terms(context):
        if near := nearest(term.labelled, term.key, term.value):
            known = term.key in used[term.labelled]
            yield _slip(term, f"the label {term.key}={term.value}" if known else f"the label {term.key}", near)


def _slip(term: Term, what: str, near: str) -> Found:
    return at_key(term.place, f"no {term.labelled} has {what}", f"did you mean {near}?")

"""Faults in whose labels count, and in which of them are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from probe.sandbox.enforce.selectors import EVERYTHING, Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterView, Peer, PodPeer
from probe.sandbox.faults.fault import Effect, Fault, with_peers, with_pods, with_selectors

Labels = Mapping[str, str]


class NamespaceLabelsInherited(Fault):
    """A pod has the labels of its namespace as well, but for those that it has itself."""

    name, effect = "namespace-labels-inherited", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_pods(
            view, lambda pod: replace(pod, labels={**view.namespaces.get(pod.namespace, {}), **pod.labels})
        )


class PodLabelsCountForNamespaces(Fault):
    """A namespaceSelector looks at a pod's own labels as well: a pod can say that it is of another namespace."""

    name, effect = "pod-labels-count-for-namespaces", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, PodPeer) or peer.namespaces is None or peer.namespaces == EVERYTHING:
                return [peer]
            both = Selector((*peer.namespaces.requirements, *peer.pods.requirements))
            positive = all(it.operator in (Operator.IN, Operator.EXISTS) for it in peer.namespaces.requirements)
            return [peer, PodPeer(EVERYTHING, both)] if positive else [peer]

        return with_peers(view, changed)


class LabelsRunTogether(Fault):
    """A label is its key and value with a dash between: two that are the same once joined are one."""

    name, effect = "labels-run-together", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def joined(it: Requirement) -> Requirement:
            if it.operator is Operator.IN and len(it.values) == 1:
                return Requirement(f"{it.key}-{it.values[0]}", Operator.EXISTS)
            return it

        def also_joined(labels: Labels) -> Labels:
            return {**labels, **{f"{key}-{value}": "" for key, value in labels.items()}}

        return _with_labels(view, joined, also_joined)


class LabelSeparatorsConflated(Fault):
    """Dots, dashes and slashes in labels are written as underscores, since sets may not have them in their names."""

    name, effect = "label-separators-conflated", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def plain(text: str) -> str:
            return re.sub("[./-]", "_", text)

        return _with_labels(
            view,
            lambda it: replace(it, key=plain(it.key), values=tuple(map(plain, it.values))),
            lambda labels: {plain(key): plain(value) for key, value in labels.items()},
        )


class LabelValuesCut(Fault):
    """Of a label's value only the first 31 characters count."""

    name, effect = "label-values-cut", Effect.BOTH
    room = 31

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return _with_labels(
            view,
            lambda it: replace(it, values=tuple(value[: self.room] for value in it.values)),
            lambda labels: {key: value[: self.room] for key, value in labels.items()},
        )


def _with_labels(
    view: ClusterView, ask: Callable[[Requirement], Requirement], have: Callable[[Labels], Labels]
) -> ClusterView:
    """The view with what selectors ask for changed, and what pods and namespaces have."""
    asked = with_selectors(view, lambda it: Selector(tuple(map(ask, it.requirements))))
    spaces = {name: have(labels) for name, labels in view.namespaces.items()}
    return replace(with_pods(asked, lambda pod: replace(pod, labels=have(pod.labels))), namespaces=spaces)


FAULTS: tuple[type[Fault], ...] = (
    NamespaceLabelsInherited,
    PodLabelsCountForNamespaces,
    LabelsRunTogether,
    LabelSeparatorsConflated,
    LabelValuesCut,
)

"""What rules look at: the manifests' policies in the oracle's form, each part beside its place in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from probe.manifests import ManifestObject, ManifestSet
from probe.model.snapshot import PodState
from probe.policy.ports import PortMatch
from probe.policy.read import PEERS, read_policy
from probe.policy.rules import Direction, Peer, PodPeer, Policy, Rule, Tier
from probe.policy.selectors import Selector
from probe.policy.universe import Universe
from probe.scenario.document import Place


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A sound policy of the manifests: as written, and as the oracle reads it."""

    object: ManifestObject
    policy: Policy

    @property
    def is_network_policy(self) -> bool:
        """Whether it is of networking.k8s.io, and none of the cluster-scoped kinds."""
        return self.policy.tier is Tier.NETWORK_POLICY

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec."""
        return self.object.manifest.get("spec") or {}

    @property
    def place(self) -> Place:
        """Of its spec."""
        return self.object.place.child("spec")

    @property
    def subject_place(self) -> Place:
        """Where it says whom it selects."""
        return self.place.child("podSelector" if self.is_network_policy else "subject")

    @property
    def rules(self) -> Iterator[Rule]:
        """Those that take effect, in both directions."""
        for direction in Direction:
            yield from self.policy.directions.get(direction, ())

    def rule_place(self, rule: Rule) -> Place:
        """Where a rule of the policy is written."""
        return self.place.child(str(rule.ref.direction), rule.ref.index)

    def peers(self, rule: Rule) -> Iterator[tuple[Place, Peer]]:
        """The peers of a rule with their places; one item of a cluster-scoped policy may list several blocks."""
        name = PEERS[rule.ref.direction]
        place = self.rule_place(rule).child(name)
        raw = self.spec[rule.ref.direction][rule.ref.index] or {}
        peers = iter(rule.peers or ())
        for index, item in enumerate(raw.get(name) or ()):
            if networks := item.get("networks"):
                for number, peer in zip(range(len(networks)), peers, strict=False):
                    yield place.child(index, "networks", number), peer
            else:
                yield place.child(index), next(peers)

    def ports(self, rule: Rule) -> Iterator[tuple[Place, PortMatch]]:
        """The ports of a rule with their places."""
        raw = self.spec[rule.ref.direction][rule.ref.index] or {}
        name = "protocols" if raw.get("protocols") else "ports"
        place = self.rule_place(rule).child(name)
        for index, port in enumerate(rule.ports or ()):
            yield place.child(index), port


@dataclass(frozen=True)
class Context:
    """Everything that was read, and what follows from it."""

    manifests: ManifestSet
    universe: Universe
    policies: tuple[PolicyView, ...]

    @classmethod
    def of(cls, manifests: ManifestSet) -> Context:
        """What rules see of manifests: of policies the sound ones."""
        sound = (each for each in manifests.objects if each.sound and each.kind.is_policy)
        views = tuple(PolicyView(each, read_policy(each.manifest)) for each in sound)
        return cls(manifests, Universe(manifests.snapshot), views)

    @property
    def pods(self) -> tuple[PodState, ...]:
        """All pods. Without any, nothing can be said of what selectors select."""
        return self.manifests.snapshot.pods

    @cached_property
    def objects(self) -> Mapping[tuple[str, str, str], ManifestObject]:
        """The objects by kind, namespace and name."""
        return {each.key: each for each in self.manifests.objects}

    @property
    def network_policies(self) -> Iterator[PolicyView]:
        """Those of networking.k8s.io."""
        return (view for view in self.policies if view.is_network_policy)

    @property
    def cluster_policies(self) -> Iterator[PolicyView]:
        """Those of the cluster-scoped kinds."""
        return (view for view in self.policies if not view.is_network_policy)

    def selected(self, peer: PodPeer) -> list[PodState]:
        """The pods that labels select."""
        return [self.pods[bit] for bit in self.universe.members(self.universe.select(peer))]

    def pods_in(self, namespace: str) -> Sequence[PodState]:
        """The pods of a namespace."""
        return self._pods_by_namespace.get(namespace, ())

    @cached_property
    def _pods_by_namespace(self) -> Mapping[str, Sequence[PodState]]:
        found: dict[str, list[PodState]] = {}
        for pod in self.pods:
            found.setdefault(pod.namespace, []).append(pod)
        return found

    def namespaces_with(self, selector: Selector) -> Sequence[str]:
        """The namespaces whose labels a selector selects."""
        return self._namespaces_with(selector)

    @cached_property
    def _namespaces_with(self) -> Callable[[Selector], Sequence[str]]:
        namespaces = self.manifests.snapshot.namespaces

        @cache
        def found(selector: Selector) -> Sequence[str]:
            return [name for name, labels in namespaces.items() if selector.selects(labels)]

        return found

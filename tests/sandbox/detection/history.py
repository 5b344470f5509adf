"""A scenario as enforcement would see it, without a cluster: one view for each change, from its first pod to its last.

Addresses, nodes and services are those of a made-up cluster of two nodes. Nothing is sent: this only tells which rules
a node would get.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from probe.model.actions import Action, Apply, Complete, CreateNamespace, CreatePod, Delete, Label, Replace, Terminate
from probe.model.cell import Family, Via
from probe.model.fleet import Namespace, Pod
from probe.model.scenario import Scenario
from probe.sandbox.enforce import view
from probe.sandbox.enforce.read import read_policy
from probe.sandbox.enforce.readcluster import read_cluster_policy
from probe.sandbox.enforce.view import Backend, ClusterView, Service, ServicePort
from probe.scenario import make_plan, ways_needed

NODES = ("node-1", "node-2")
_SERVICE_PORT = 10_000
"""What a service adds to the numbers of its pod's ports: the two are never the same."""


def views(scenario: Scenario) -> tuple[ClusterView, ...]:
    """What there is after the deployment, and after each change of each step, a pod's termination included."""
    return tuple(_History(scenario).run())


@dataclass(slots=True)
class _History:
    scenario: Scenario
    pods: dict[str, view.Pod] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    policies: dict[tuple[str, str, str], view.Policy] = field(default_factory=dict)
    cluster_policies: dict[tuple[str, str], view.ClusterPolicy] = field(default_factory=dict)
    _homes: dict[str, str] = field(default_factory=dict)
    _symbols: dict[str, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _uids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _doors: Mapping[str, frozenset[Via]] = field(default_factory=dict)

    def run(self) -> Iterator[ClusterView]:
        self._doors = ways_needed(make_plan(self.scenario)).services
        for namespace in self.scenario.fleet.namespaces:
            self._add(namespace)
        for pod in self.scenario.fleet.pods:
            self._start(pod)
        yield self._view()
        for step in self.scenario.steps:
            for action in step.actions:
                yield from self._change(action)

    def _change(self, action: Action) -> Iterator[ClusterView]:
        match action:
            case CreateNamespace(namespace):
                self._add(namespace)
            case CreatePod(pod):
                self._start(pod)
            case Label(ref, labels):
                self._label(ref.kind, ref.namespace, ref.name, labels)
            case Apply(manifest):
                if isinstance(action, Replace):
                    yield from self._delete(action.ref.kind, action.ref.namespace, action.ref.name)
                    yield self._view()
                kind, meta = str(manifest["kind"]), manifest["metadata"]
                if kind == "NetworkPolicy":
                    self.policies[kind, meta["namespace"], meta["name"]] = read_policy(_named(manifest))
                elif kind.endswith("NetworkPolicy"):  # a Service of the scenario's own is nothing that is tried
                    self.cluster_policies[kind, meta["name"]] = read_cluster_policy(_named(manifest))
            case Terminate(ref) if ref.kind == "namespace":
                self._terminate(id for id in self.pods if id.startswith(f"{ref.name}/"))
            case Complete(ref) | Terminate(ref):
                seen = self.pods[id := f"{ref.namespace}/{ref.name}"]
                over = isinstance(action, Complete)
                self.pods[id] = replace(seen, phase="Failed") if over else replace(seen, terminating=True)
            case Delete(ref):
                yield from self._delete(ref.kind, ref.namespace, ref.name)
        yield self._view()

    def _add(self, namespace: Namespace) -> None:
        self.namespaces[namespace.name] = {**namespace.labels, "kubernetes.io/metadata.name": namespace.name}

    def _start(self, pod: Pod) -> None:
        number = self._numbers[pod.id] = self._number(pod)
        self.pods[pod.id] = view.Pod(
            uid=f"uid-{next(self._uids)}",
            namespace=pod.namespace,
            name=pod.name,
            labels=dict(pod.labels),
            node=self._home(pod),
            created=f"{len(self._numbers):04}",
            addresses={Family.IPV4: f"10.244.0.{number}", Family.IPV6: f"fd00:244::{number:x}"},
            ports={(port.name, port.protocol): port.number for port in pod.ports if port.name},
            host_network=pod.host_network,
        )

    def _number(self, pod: Pod) -> int:
        """The last part of its addresses: that of a pod that was, or the first that nobody has."""
        if pod.address_of is not None:
            return self._numbers[pod.address_of]
        taken = {one.addresses[Family.IPV4] for one in self.pods.values() if one.phase not in view.FINISHED}
        return next(each for each in itertools.count(2) if f"10.244.0.{each}" not in taken)

    def _home(self, pod: Pod) -> str:
        """By its symbol, or in turn; a pod that is created again is where it was."""
        if pod.node is not None:
            return self._symbols.setdefault(pod.node, NODES[len(self._symbols) % len(NODES)])
        return self._homes.setdefault(pod.id, NODES[len(self._homes) % len(NODES)])

    def _label(self, kind: str, namespace: str | None, name: str, labels: Mapping[str, str | None]) -> None:
        def changed(old: Mapping[str, str]) -> dict[str, str]:
            return {key: value for key, value in {**old, **labels}.items() if value is not None}

        if kind == "namespace":
            self.namespaces[name] = changed(self.namespaces[name])
        else:
            pod = self.pods[f"{namespace}/{name}"]
            self.pods[f"{namespace}/{name}"] = replace(pod, labels=changed(pod.labels))

    def _terminate(self, pods: Iterable[str]) -> None:
        self.pods |= {id: replace(self.pods[id], terminating=True) for id in [*pods]}

    def _delete(self, kind: str, namespace: str | None, name: str) -> Iterator[ClusterView]:
        if kind in ("pod", "namespace"):
            gone = [
                id for id in self.pods if id == f"{namespace}/{name}" or (not namespace and id.startswith(f"{name}/"))
            ]
            self._terminate(gone)
            yield self._view()
            for id in gone:
                del self.pods[id]
        if kind == "namespace":
            del self.namespaces[name]
            self.policies = {key: policy for key, policy in self.policies.items() if key[1] != name}
        self.policies = {
            key: it for key, it in self.policies.items() if (key[0].lower(), *key[1:]) != (kind, namespace, name)
        }
        self.cluster_policies = {
            key: it for key, it in self.cluster_policies.items() if (key[0].lower(), key[1]) != (kind, name)
        }

    def _view(self) -> ClusterView:
        return ClusterView(
            pods=tuple(self.pods.values()),
            namespaces=dict(self.namespaces),
            policies=tuple(self.policies[key] for key in sorted(self.policies)),
            services=tuple(self._services()),
            nodes={
                name: _node(name, {Family.IPV4: f"192.168.0.{number}", Family.IPV6: f"fd00:168::{number}"})
                for number, name in enumerate(NODES, 1)
            },
            cluster_policies=tuple(self.cluster_policies[key] for key in sorted(self.cluster_policies)),
        )

    def _services(self) -> Iterator[Service]:
        ports = {pod.id: pod.ports for pod in self._all_pods()}
        for number, (id, pod) in enumerate(sorted(self.pods.items()), 1):
            if not self._doors.get(id):
                continue
            addresses = {Family.IPV4: f"10.96.0.{number}", Family.IPV6: f"fd00:96::{number:x}"}
            listening = tuple(
                ServicePort(
                    address,
                    family,
                    port.protocol,
                    port.number + _SERVICE_PORT,
                    (Backend(pod.addresses[family], port.number, pod.node),),
                )
                for family, address in addresses.items()
                for port in ports[id]
            )
            yield Service(pod.namespace, pod.name, addresses, listening)

    def _all_pods(self) -> Iterator[Pod]:
        yield from self.scenario.fleet.pods
        yield from (
            action.pod for step in self.scenario.steps for action in step.actions if isinstance(action, CreatePod)
        )


def _node(name: str, addresses: Mapping[Family, str]) -> view.Node:
    published = {family: frozenset({address}) for family, address in addresses.items()}
    return view.Node({"kubernetes.io/hostname": name}, addresses, published)


def _named(manifest: Mapping[str, object]) -> dict[str, object]:
    return dict(manifest)

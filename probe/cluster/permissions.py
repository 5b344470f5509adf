"""What a run asks of the API server: the one table behind ``cni-probe rbac``, ``doctor`` and the check before a run.

One row is one verb, with the part of a run that needs it and what for. Whoever adds a request to this package adds
its row; a test runs the shipped scenarios with a role made of these rows and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from probe.cluster.api import Json
from probe.cluster.objects import EXTERNAL_GROUP
from probe.cluster.resources import CLUSTER_POLICIES
from probe.model.actions import Apply, Complete, CreateNamespace, CreatePod, Delete, Label, Terminate
from probe.model.agent_options import AgentOptions
from probe.model.cell import WAYS, Path
from probe.model.clusterpolicy import GROUP, PLURALS
from probe.model.scenario import Scenario


class Need(enum.StrEnum):
    """A part of cni-probe that asks for permissions of its own."""

    RUN = "any run"
    POLICIES = "scenarios with NetworkPolicies"
    CLUSTER_POLICIES = "scenarios with cluster-scoped policies"
    SERVICES = "scenarios with Services"
    SERVICE_PATHS = "scenarios with paths through Services"
    CONFIG_MAPS = "scenarios with ConfigMaps"
    POD_CHANGES = "scenarios that delete pods (start-race does) or change their labels"
    NAMESPACE_CHANGES = "scenarios that delete namespaces or change their labels"
    AGENT_SOURCE = "the agent's source in a ConfigMap"
    PULL_SECRET = "an image pull secret that is copied"
    EXTERNALS = "endpoints outside of the embedded cluster"
    DOCTOR = "doctor's look around"
    SNAPSHOT = "reading what a cluster's policies say"
    WATCH = "watching what happens to a cluster"


@dataclass(frozen=True, slots=True)
class Permission:
    """One verb on a resource of all namespaces. ``subresource`` is empty or the part after the slash.

    ``optional``: a run works without, but gets through less or explains less.
    """

    need: Need
    group: str
    resource: str
    subresource: str
    verb: str
    why: str
    optional: bool = False

    @property
    def target(self) -> str:
        """As roles write it: ``pods/exec``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def rule(self) -> str:
        """The rule that grants it, as one line of YAML."""
        return f'{{apiGroups: ["{self.group}"], resources: [{self.target}], verbs: [{self.verb}]}}'

    @property
    def review(self) -> Json:
        """The SelfSubjectAccessReview that asks for it in all namespaces."""
        attributes = {"verb": self.verb, "group": self.group, "resource": self.resource, "namespace": ""}
        if self.subresource:
            attributes["subresource"] = self.subresource
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }

    def __str__(self) -> str:
        return f"{self.verb} {self.target}" + (f".{self.group}" if self.group else "")


def _rows(
    need: Need, group: str, target: str, verbs: Iterable[tuple[str, str]], *, optional: bool = False
) -> tuple[Permission, ...]:
    resource, _, subresource = target.partition("/")
    return tuple(Permission(need, group, resource, subresource, verb, why, optional) for verb, why in verbs)


WATCHED_RESOURCES = {"Pod": "/api/v1/pods", "Node": "/api/v1/nodes", "DaemonSet": "/apis/apps/v1/daemonsets"}
"""What a watch follows in the whole cluster, by kind."""

_NETWORKING = "networking.k8s.io"
_CHANGE = (
    ("create", "apply what is not there yet"),
    ("patch", "apply (server-side)"),
    ("get", "wait until it is gone"),
    ("delete", "a step's deletion"),
)
_LOOK = (("list", "look around"),)
_LOST = (("get", "find one whose creation was answered by nobody"),)

PERMISSIONS: tuple[Permission, ...] = (
    *_rows(Need.RUN, "", "nodes", [("list", "choose nodes for the pods")]),
    *_rows(
        Need.RUN,
        "",
        "namespaces",
        [("create", "namespaces of the run's own"), ("list", "find them by their labels"), ("delete", "remove them")],
    ),
    *_rows(
        Need.RUN,
        "",
        "pods",
        [("create", "the fleet's pods"), ("list", "follow them, by label"), ("watch", "follow them, by label")],
    ),
    *_rows(
        Need.RUN,
        "",
        "pods/exec",
        [("create", "talk to the agents"), ("get", "the same over WebSocket, which is a GET")],
    ),
    *_rows(Need.RUN, "", "nodes", [("get", "say why an agent is silent")], optional=True),
    *_rows(Need.RUN, "", "namespaces", _LOST, optional=True),
    *_rows(Need.RUN, "", "pods", _LOST, optional=True),
    *_rows(Need.POD_CHANGES, "", "pods", [("patch", "change labels"), ("delete", "a step's deletion")]),
    *_rows(Need.NAMESPACE_CHANGES, "", "namespaces", [("patch", "change labels"), ("get", "wait until one is gone")]),
    *_rows(Need.POLICIES, _NETWORKING, "networkpolicies", [*_CHANGE, ("list", "lift them for the closing control")]),
    *(
        row
        for resource in PLURALS.values()
        for row in _rows(
            Need.CLUSTER_POLICIES,
            GROUP,
            resource,
            [*_CHANGE, ("list", "lift them for the closing control, and find what a run left")],
        )
    ),
    *_rows(Need.SERVICES, "", "services", _CHANGE),
    *_rows(
        Need.SERVICE_PATHS,
        "",
        "services",
        [("create", "one for each destination"), ("list", "see that they are as made"), ("delete", "make one anew")],
    ),
    *_rows(
        Need.SERVICE_PATHS,
        "discovery.k8s.io",
        "endpointslices",
        [("list", "see that Services lead to the pods")],
        optional=True,
    ),
    *_rows(Need.SERVICE_PATHS, "", "services", _LOST, optional=True),
    *_rows(Need.CONFIG_MAPS, "", "configmaps", _CHANGE),
    *_rows(Need.AGENT_SOURCE, "", "configmaps", [("create", "the agent's source, in the run's namespaces")]),
    *_rows(Need.PULL_SECRET, "", "secrets", [("create", "a copy, in the run's namespaces")]),
    *_rows(
        Need.EXTERNALS,
        EXTERNAL_GROUP.removeprefix("/apis/").partition("/")[0],
        "externalendpoints",
        [("create", "endpoints of the embedded cluster"), ("get", "wait until they answer")],
    ),
    *(
        row
        for group, resource, what in (
            ("", "namespaces", "their labels"),
            ("", "pods", "their labels, ports and addresses"),
            (_NETWORKING, "networkpolicies", "evaluate them"),
        )
        for row in _rows(Need.SNAPSHOT, group, resource, [("list", what)])
    ),
    *(
        row
        for group, resource, what in (
            ("", "services", "their target ports"),
            ("", "nodes", "their labels and addresses"),
            *((GROUP, plural, "evaluate them") for plural in PLURALS.values()),
        )
        for row in _rows(Need.SNAPSHOT, group, resource, [("list", what)], optional=True)
    ),
    *(
        row
        for group, resource in (("", "pods"), ("", "nodes"), ("apps", "daemonsets"))
        for row in _rows(
            Need.WATCH,
            group,
            resource,
            [("list", "show what happened next to leaks and outages"), ("watch", "the same, as it happens")],
            optional=True,
        )
    ),
    *_rows(Need.DOCTOR, "apps", "daemonsets", _LOOK),
    *_rows(Need.DOCTOR, "", "resourcequotas", _LOOK),
    *_rows(Need.DOCTOR, "", "limitranges", _LOOK),
    *_rows(Need.DOCTOR, "", "services", [("get", "the address families of the service `kubernetes`")]),
    *_rows(Need.DOCTOR, "admissionregistration.k8s.io", "mutatingwebhookconfigurations", _LOOK),
    *_rows(Need.DOCTOR, "admissionregistration.k8s.io", "validatingwebhookconfigurations", _LOOK),
)

_ANY_SCENARIO = (
    Need.RUN, Need.POLICIES, Need.SERVICES, Need.SERVICE_PATHS, Need.CONFIG_MAPS, Need.POD_CHANGES,
    Need.NAMESPACE_CHANGES,
)  # fmt: skip


def permissions_for(needs: Collection[Need]) -> tuple[Permission, ...]:
    """The rows of some needs in the table's order, each verb once; optional only if no need insists on it."""
    seen: dict[tuple[str, str, str], Permission] = {}
    for row in PERMISSIONS:
        key = row.group, row.target, row.verb
        if row.need in needs and (key not in seen or seen[key].optional):
            seen[key] = row
    return tuple(seen.values())


def needs_of(scenarios: Sequence[Scenario]) -> frozenset[Need]:
    """What these scenarios need; without any: what a scenario may need on a real cluster."""
    if not scenarios:
        return frozenset(_ANY_SCENARIO)
    found = {Need.RUN}
    for scenario in scenarios:
        if scenario.fleet.externals:
            found.add(Need.EXTERNALS)
        for step in scenario.steps:
            if any(_leads_through_a_service(pattern) for pattern in step.selection.paths):
                found.add(Need.SERVICE_PATHS)
            if step.start_race is not None:
                found.add(Need.POD_CHANGES)
            found |= {need for action in step.actions for need in _needs_of_action(action)}
    return frozenset(found)


def _leads_through_a_service(pattern: str) -> bool:
    """Whether a pattern of ``probe.paths`` (a path, a way, or a glob of these) takes in a path through a Service."""
    return any(
        fnmatchcase(name, pattern)
        for path in (Path.CLUSTER_IP, Path.NODE_PORT)
        for name in (path, *(f"{path}/{via}" for via in WAYS[path]))
    )


def needs_of_options(agent: AgentOptions) -> frozenset[Need]:
    """What options of the agents need beside the scenarios."""
    code = {Need.AGENT_SOURCE} if agent.from_configmap else set()
    return frozenset(code | ({Need.PULL_SECRET} if agent.pull_secrets else set()))


_KINDS = {
    "networkpolicy": Need.POLICIES,
    **dict.fromkeys(CLUSTER_POLICIES, Need.CLUSTER_POLICIES),
    "service": Need.SERVICES,
    "configmap": Need.CONFIG_MAPS,
    "pod": Need.POD_CHANGES,
    "namespace": Need.NAMESPACE_CHANGES,
}


def _needs_of_action(action: object) -> Iterable[Need]:
    match action:
        case CreateNamespace() | CreatePod():
            return ()
        case Apply() | Delete() | Label() | Complete() | Terminate():
            return (_KINDS[action.ref.kind],)
        case _:
            raise TypeError(f"no permissions are known for {action}")


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A rule of a role: all verbs on one resource, and what they are for."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    whys: tuple[str, ...]

    @property
    def manifest(self) -> Json:
        """As a role has it (rbac.authorization.k8s.io/v1 PolicyRule)."""
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": list(self.verbs)}


def role_rules(permissions: Iterable[Permission]) -> tuple[RoleRule, ...]:
    """One rule for each resource, in the table's order."""
    grouped: dict[tuple[str, str], list[Permission]] = {}
    for row in permissions:
        grouped.setdefault((row.group, row.target), []).append(row)
    return tuple(
        RoleRule(
            group,
            resource,
            tuple(dict.fromkeys(row.verb for row in rows)),
            tuple(dict.fromkeys(row.why for row in rows)),
        )
        for (group, resource), rows in grouped.items()
    )

"""What the API server serves: one row a resource.

A new kind is a row here, a shape in ``kinds`` and, where it has rules of its own, a strategy in ``strategies``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final

from probe.model.clusterpolicy import API_VERSIONS, GROUP

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API. ``plural`` is also the store's key.

    ``generation``: metadata.generation counts changes of the spec. ``fields``: the field selectors beyond
    metadata.name and metadata.namespace. ``subresources``: name to verbs.
    ``view``: the objects are those of the first resource with this plural, in another form.
    ``custom``: elsewhere this is a custom resource.
    """

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    generation: bool = False
    fields: tuple[str, ...] = ()
    subresources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    view: bool = False
    custom: bool = False

    @property
    def shape(self) -> str:
        """The key of the kind's shape."""
        return f"{self.kind}.{self.group}" if self.view else self.kind

    @property
    def singular(self) -> str:
        """The lower-case singular name: ``networkpolicy``."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """``v1`` or ``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name in messages: ``pods`` or ``networkpolicies.networking.k8s.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own subresource only."""
        return "status" in self.subresources


_STATUS: Final = MappingProxyType({"status": ("get", "patch", "update")})
_CREATE_ONLY: Final = ("create",)
_RBAC: Final = "rbac.authorization.k8s.io"
_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
_INVOLVED: Final = tuple(
    f"involvedObject.{field}"
    for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)


def _workload(plural: str, kind: str, group: str, *short_names: str) -> Resource:
    """What makes pods by a template."""
    return Resource(
        plural, kind, group, short_names=short_names, categories=("all",), generation=True, subresources=_STATUS
    )


def _question(plural: str, kind: str, group: str, *, namespaced: bool = False) -> Resource:
    """What is answered and not kept."""
    return Resource(plural, kind, group, namespaced=namespaced, verbs=_CREATE_ONLY)


def _cluster_policy(plural: str, kind: str, short_name: str) -> Resource:
    """A custom resource of network-policy-api."""
    version = API_VERSIONS[kind].rpartition("/")[2]
    return Resource(
        plural,
        kind,
        GROUP,
        version,
        namespaced=False,
        short_names=(short_name,),
        generation=True,
        subresources=_STATUS,
        custom=True,
    )


CLUSTER_POLICIES: Final = (  # the group's preferred version first
    _cluster_policy("clusternetworkpolicies", "ClusterNetworkPolicy", "cnp"),
    _cluster_policy("adminnetworkpolicies", "AdminNetworkPolicy", "anp"),
    _cluster_policy("baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", "banp"),
)
"""What a cluster may or may not have."""

RESOURCES: Final = (
    Resource(
        "namespaces",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
        fields=("status.phase",),
        subresources=MappingProxyType({"finalize": ("update",), "status": ("get", "patch", "update")}),
    ),
    Resource(
        "pods",
        "Pod",
        short_names=("po",),
        categories=("all",),
        generation=True,
        fields=(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
        subresources=MappingProxyType(
            {
                "binding": ("create",),
                "eviction": ("create",),
                "exec": ("create", "get"),
                "log": ("get",),
                "status": ("get", "patch", "update"),
            }
        ),
    ),
    Resource(
        "services",
        "Service",
        short_names=("svc",),
        categories=("all",),
        fields=("spec.clusterIP", "spec.type"),
        subresources=_STATUS,
    ),
    Resource(
        "nodes", "Node", namespaced=False, short_names=("no",), fields=("spec.unschedulable",), subresources=_STATUS
    ),
    Resource("configmaps", "ConfigMap", short_names=("cm",)),
    Resource("secrets", "Secret", fields=("type",)),
    Resource(
        "serviceaccounts",
        "ServiceAccount",
        short_names=("sa",),
        subresources=MappingProxyType({"token": _CREATE_ONLY}),
    ),
    Resource("resourcequotas", "ResourceQuota", short_names=("quota",), subresources=_STATUS),
    Resource("limitranges", "LimitRange", short_names=("limits",)),
    Resource("endpoints", "Endpoints", short_names=("ep",)),
    Resource(
        "events", "Event", short_names=("ev",), fields=(*_INVOLVED, "reason", "reportingComponent", "source", "type")
    ),
    Resource("networkpolicies", "NetworkPolicy", "networking.k8s.io", short_names=("netpol",), generation=True),
    *CLUSTER_POLICIES,
    Resource(
        "events",
        "Event",
        "events.k8s.io",
        short_names=("ev",),
        fields=(*_INVOLVED, "reason", "reportingComponent", "source", "type"),
        view=True,
    ),
    _workload("daemonsets", "DaemonSet", "apps", "ds"),
    _workload("deployments", "Deployment", "apps", "deploy"),
    _workload("jobs", "Job", "batch"),
    Resource(
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "apiextensions.k8s.io",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        generation=True,
        subresources=_STATUS,
    ),
    Resource("endpointslices", "EndpointSlice", "discovery.k8s.io", generation=True),
    Resource("leases", "Lease", "coordination.k8s.io"),
    Resource(
        "externalendpoints",
        "ExternalEndpoint",
        "sandbox.cni-probe.dev",
        short_names=("extep",),
        generation=True,
        subresources=_STATUS,
    ),
    Resource("priorityclasses", "PriorityClass", "scheduling.k8s.io", namespaced=False, short_names=("pc",)),
    Resource("runtimeclasses", "RuntimeClass", "node.k8s.io", namespaced=False),
    Resource(
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        namespaced=False,
        categories=("api-extensions",),
        generation=True,
    ),
    Resource("roles", "Role", _RBAC),
    Resource("rolebindings", "RoleBinding", _RBAC),
    Resource("clusterroles", "ClusterRole", _RBAC, namespaced=False),
    Resource("clusterrolebindings", "ClusterRoleBinding", _RBAC, namespaced=False),
    _question("selfsubjectaccessreviews", "SelfSubjectAccessReview", _AUTHORIZATION),
    _question("selfsubjectrulesreviews", "SelfSubjectRulesReview", _AUTHORIZATION),
    _question("subjectaccessreviews", "SubjectAccessReview", _AUTHORIZATION),
    _question("localsubjectaccessreviews", "LocalSubjectAccessReview", _AUTHORIZATION, namespaced=True),
    _question("selfsubjectreviews", "SelfSubjectReview", _AUTHENTICATION),
    _question("tokenreviews", "TokenReview", _AUTHENTICATION),
)

BY_PLURAL: Final[Mapping[str, Resource]] = MappingProxyType(
    {resource.plural: resource for resource in RESOURCES if not resource.view}
)

NAMESPACED: Final = tuple(
    resource for resource in RESOURCES if resource.namespaced and "list" in resource.verbs and not resource.view
)


@dataclass(frozen=True)
class Served:
    """The resources of one server."""

    resources: tuple[Resource, ...] = RESOURCES

    @cached_property
    def by_path(self) -> Mapping[tuple[str, str, str], Resource]:
        """By group, version and plural."""
        return {(resource.group, resource.version, resource.plural): resource for resource in self.resources}

    @cached_property
    def group_versions(self) -> tuple[tuple[str, str], ...]:
        """Groups and versions, a group's preferred version first."""
        return tuple(dict.fromkeys((resource.group, resource.version) for resource in self.resources))

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Each group's versions."""
        return {
            group: tuple(version for other, version in self.group_versions if other == group)
            for group, _ in self.group_versions
        }

    def of(self, group: str, version: str) -> tuple[Resource, ...]:
        """The resources of a group version."""
        return tuple(it for it in self.resources if (it.group, it.version) == (group, version))


SERVED: Final = Served()
"""All of them."""

WITHOUT_CLUSTER_POLICIES: Final = Served(tuple(it for it in RESOURCES if it not in CLUSTER_POLICIES))

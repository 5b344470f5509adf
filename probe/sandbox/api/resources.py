"""What the API server serves: one row a resource.

A new kind is a row here, a shape in ``kinds`` and, where it has rules of its own, a strategy in ``strategies``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API. ``plural`` is also the store's key.

    ``generation``: metadata.generation counts changes of the spec. ``fields``: the field selectors beyond
    metadata.name and metadata.namespace. ``subresources``: name to verbs.
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
_INVOLVED: Final = tuple(
    f"involvedObject.{field}"
    for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)

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
    Resource("serviceaccounts", "ServiceAccount", short_names=("sa",)),
    Resource("endpoints", "Endpoints", short_names=("ep",)),
    Resource(
        "events", "Event", short_names=("ev",), fields=(*_INVOLVED, "reason", "reportingComponent", "source", "type")
    ),
    Resource("networkpolicies", "NetworkPolicy", "networking.k8s.io", short_names=("netpol",), generation=True),
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
    Resource(
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        "authorization.k8s.io",
        namespaced=False,
        verbs=_CREATE_ONLY,
    ),
    Resource(
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        "authorization.k8s.io",
        namespaced=False,
        verbs=_CREATE_ONLY,
    ),
    Resource("selfsubjectreviews", "SelfSubjectReview", "authentication.k8s.io", namespaced=False, verbs=_CREATE_ONLY),
)

BY_PLURAL: Final[Mapping[str, Resource]] = MappingProxyType({resource.plural: resource for resource in RESOURCES})

BY_PATH: Final[Mapping[tuple[str, str, str], Resource]] = MappingProxyType(
    {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
)

GROUP_VERSIONS: Final = tuple(dict.fromkeys((resource.group, resource.version) for resource in RESOURCES))

NAMESPACED: Final = tuple(resource for resource in RESOURCES if resource.namespaced and "list" in resource.verbs)

"""What a run's agents and namespaces are like beside what the scenario says of them: the options of Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from probe import __version__
from probe.model.quantity import parse_quantity
from probe.model.syntax import dns_label_error, dns_subdomain_error, label_key_error, label_value_error
from probe.model.toleration import Toleration

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
OWN_PREFIX: Final = "cni-probe.dev/"
"""Keys of labels and annotations below it are the run's own."""

ZIPAPP_DIRECTORY: Final = "/opt/cni-probe"
ZIPAPP_NAME: Final = "agent.pyz"

DEFAULT_REQUESTS: Final = {"cpu": "5m", "memory": "24Mi"}

MESH_LABELS: Final = {"sidecar.istio.io/inject": "false"}
MESH_ANNOTATIONS: Final = {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
"""What keeps the proxies of service meshes out of agent pods: a proxy would answer and connect in the agent's place.

Istio's webhooks leave out pods with this label whatever the namespace says, also where namespaces are injected by
default; the annotation is what Istio before 1.10 reads
(https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy). Linkerd's
injector reads the pod's annotation before its namespace's (https://linkerd.io/2/features/proxy-injection/). So the
namespaces need neither ``istio-injection: disabled`` nor anything else, and namespaceSelectors of policies see only
what the scenario wrote.
"""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A Secret of the cluster's, ``namespace/name``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Image of the agents and fields of their pods; names as in PodSpec, amounts as quantities.

    ``from_configmap``: the image has Python only, and the agent's code travels in a ConfigMap. ``pull_secrets`` are
    copied into the namespaces of the run. ``labels`` and ``annotations`` are put on every agent pod beside the
    scenario's and the run's, which win. ``mesh_injection``: leave it to the cluster whether Istio and Linkerd inject.
    """

    image: str = f"cni-probe-agent:{__version__}"
    pull_policy: str = "IfNotPresent"
    from_configmap: bool = False
    pull_secrets: tuple[SecretRef, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    priority_class: str | None = None
    runtime_class: str | None = None
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mesh_injection: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """How the agent's program is called in its container."""
        if self.from_configmap:
            return ("python3", f"{ZIPAPP_DIRECTORY}/{ZIPAPP_NAME}")
        return ("python3", "-m", "cni_probe_agent")

    @property
    def relay(self) -> tuple[str, ...]:
        """What ``pods/exec`` runs to speak with the agent."""
        return (*self.command, "relay")

    @property
    def all_labels(self) -> dict[str, str]:
        """Labels of every agent pod that are not of the scenario or the run."""
        return (MESH_LABELS if not self.mesh_injection else {}) | dict(self.labels)

    @property
    def all_annotations(self) -> dict[str, str]:
        """Annotations of every agent pod."""
        return (MESH_ANNOTATIONS if not self.mesh_injection else {}) | dict(self.annotations)

    @property
    def resources(self) -> dict[str, dict[str, str]]:
        """ResourceRequirements: a request that nobody stated never goes over a limit that somebody did."""
        requests = {
            name: amount
            for name, amount in DEFAULT_REQUESTS.items()
            if name not in self.limits or parse_quantity(amount) <= parse_quantity(self.limits[name])
        }
        found = {"requests": requests | dict(self.requests), "limits": dict(self.limits)}
        return {kind: amounts for kind, amounts in found.items() if amounts}


@dataclass(frozen=True, slots=True)
class NamespaceOptions:
    """Labels and annotations of every namespace of a run, beside the scenario's and the run's, which win."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run's configuration file.

    ``externals``: addresses of agents outside of the cluster by endpoint name, instead of the scenarios'.
    ``node_groups``: the labels of named groups of nodes that scenarios' placements may ask for.
    """

    agent: AgentOptions = field(default_factory=AgentOptions)
    namespaces: NamespaceOptions = field(default_factory=NamespaceOptions)
    externals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    node_groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


# --- what is wrong with a value, in the API server's words, or None ------------------------------------------------


def image_error(name: str) -> str | None:
    """What keeps ``name`` from being an image's reference; registries have the last word."""
    return "must be a name without spaces" if not name or any(each.isspace() for each in name) else None


def own_label_error(key: str, value: str) -> str | None:
    """What keeps a label from being put on everything."""
    if error := _key_error(key):
        return error
    error = label_value_error(value)
    return f'"{value}" cannot be the value of the label {key}: {error}' if error else None


def own_annotation_error(key: str, _: str) -> str | None:
    """What keeps an annotation from being put on everything; any text can be a value."""
    return _key_error(key)


def _key_error(key: str) -> str | None:
    if key.startswith(OWN_PREFIX) or key == "app.kubernetes.io/managed-by":
        return f"{key} is set by cni-probe itself"
    error = label_key_error(key)
    return f'"{key}" cannot be a key: {error}' if error else None


def selector_error(key: str, value: str) -> str | None:
    """What keeps a label from being asked of a node."""
    if error := label_key_error(key):
        return f'"{key}" cannot be a label\'s key: {error}'
    error = label_value_error(value)
    return f'"{value}" cannot be the value of the label {key}: {error}' if error else None


def resource_error(name: str, amount: str) -> str | None:
    """What keeps ``name: amount`` from being a request or a limit."""
    if error := label_key_error(name):
        return f'"{name}" cannot be a resource: {error}'
    try:
        below_zero = parse_quantity(amount) < 0
    except ValueError as error:
        return f"{name}: {error}"
    return f"{name}: must not be below zero" if below_zero else None


def balance_error(requests: Mapping[str, str], limits: Mapping[str, str]) -> str | None:
    """A request that is larger than its limit; both must be quantities."""
    for name in requests.keys() & limits.keys():
        if parse_quantity(requests[name]) > parse_quantity(limits[name]):
            return f"the request {name}={requests[name]} is larger than the limit {name}={limits[name]}"
    return None


def class_error(name: str) -> str | None:
    """What keeps ``name`` from being that of a PriorityClass or a RuntimeClass."""
    error = dns_subdomain_error(name)
    return f'"{name}" cannot be a class\'s name: {error}' if error else None


def parse_secret(text: str) -> SecretRef:
    """``namespace/name``. Raises ValueError with what is wrong."""
    namespace, slash, name = text.partition("/")
    if not slash:
        raise ValueError(f'"{text}" does not say in which namespace the secret is: write NAMESPACE/NAME')
    error = dns_label_error(namespace) or dns_subdomain_error(name)
    if error:
        raise ValueError(f'"{text}" cannot be NAMESPACE/NAME of a secret: {error}')
    return SecretRef(namespace, name)

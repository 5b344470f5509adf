"""Which rules apply to which resource: one row each; resources without a row have none of their own."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from probe.model.cell import Protocol
from probe.model.clusterpolicy import BASELINE_NAME, default_cluster_policy, validate_cluster_policy
from probe.model.fields import UNKNOWN_FIELD
from probe.model.fields import FieldError as Mistake
from probe.model.networkpolicy import default_network_policy, validate_network_policy
from probe.model.snapshot import NAME_LABEL
from probe.model.syntax import port_number_error
from probe.sandbox.api.errors import FieldError, forbidden_field, invalid, required, unsupported
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.rules.classes import (
    default_priority,
    keep_handler,
    keep_priority,
    validate_priority,
    validate_runtime,
)
from probe.sandbox.api.rules.compute import (
    default_limits,
    default_quota,
    normalise_pod,
    validate_limits,
    validate_pod_resources,
)
from probe.sandbox.api.rules.metadata import validate_metadata
from probe.sandbox.api.rules.pod_defaults import default_pod
from probe.sandbox.api.rules.pods import validate_pod, validate_pod_update
from probe.sandbox.api.rules.roles import default_binding, keep_role, validate_binding, validate_role
from probe.sandbox.api.rules.services import default_service, keep_addresses, validate_service, validate_service_update
from probe.sandbox.api.rules.webhooks import default_webhooks, validate_webhooks
from probe.sandbox.api.rules.workloads import (
    carry_job,
    default_daemonset,
    default_deployment,
    default_job,
    keep_job,
    keep_selector,
    validate_job,
    validate_workload,
)
from probe.sandbox.store import Obj


def _nothing(obj: Obj) -> Iterable[FieldError]:
    return ()


def _nothing_changed(new: Obj, old: Obj) -> Iterable[FieldError]:
    return ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """A resource's own rules. ``default`` and ``carry_over`` (from the old object to the new one) work in place;
    ``validate`` sees a defaulted object whose shape is right."""

    default: Callable[[Obj], None] = lambda obj: None
    validate: Callable[[Obj], Iterable[FieldError]] = _nothing
    carry_over: Callable[[Obj, Obj], None] = lambda new, old: None
    validate_update: Callable[[Obj, Obj], Iterable[FieldError]] = _nothing_changed


def validate(resource: Resource, obj: Obj) -> list[FieldError]:
    """Everything wrong with a new or updated object, in itself."""
    return [*validate_metadata(resource, obj), *strategy(resource).validate(obj)]


def strategy(resource: Resource) -> Strategy:
    """The resource's rules."""
    return _STRATEGIES.get(resource.plural, _NONE)


def _default_namespace(namespace: Obj) -> None:
    meta = namespace["metadata"]
    meta["labels"] = {NAME_LABEL: meta["name"]} | (meta.get("labels") or {}) | {NAME_LABEL: meta["name"]}
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    namespace.setdefault("status", {}).setdefault("phase", "Active")


def _default_pod(pod: Obj) -> None:
    normalise_pod(pod)
    default_pod(pod)


def _validate_pod(pod: Obj) -> Iterator[FieldError]:
    yield from validate_pod(pod)
    yield from validate_pod_resources(pod)


def _default_policy(policy: Obj) -> None:
    # Invalid ones are left as they are: validation says what is wrong with them.
    if not any(error.reason != UNKNOWN_FIELD for error in validate_network_policy(policy)):
        policy["spec"] = default_network_policy(policy)["spec"]


def _validate_policy(policy: Obj) -> Iterator[FieldError]:
    yield from _of_the_spec(validate_network_policy(policy))


def _default_cluster_policy(policy: Obj) -> None:
    if not any(error.reason != UNKNOWN_FIELD for error in validate_cluster_policy(policy)):
        policy["spec"] = default_cluster_policy(policy)["spec"]


def _validate_cluster_policy(policy: Obj) -> Iterator[FieldError]:
    yield from _of_the_spec(validate_cluster_policy(policy))


def _validate_baseline(policy: Obj) -> Iterator[FieldError]:
    if (name := policy["metadata"].get("name")) != BASELINE_NAME:
        yield invalid("metadata.name", name, f'only one, named "{BASELINE_NAME}", can be created in the cluster')
    yield from _validate_cluster_policy(policy)


def _of_the_spec(mistakes: Iterable[Mistake]) -> Iterator[FieldError]:
    for error in mistakes:
        # Metadata is everybody's and checked elsewhere; unknown fields were dropped or refused while decoding.
        if error.parts[:1] == ("spec",) and error.reason != UNKNOWN_FIELD:
            yield FieldError(error.path, error.reason, error.message)


def _default_secret(secret: Obj) -> None:
    secret.setdefault("type", "Opaque")
    written = secret.pop("stringData", None) or {}
    if written:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in written.items()}
        secret["data"] = (secret.get("data") or {}) | encoded


def _immutable_data(new: Obj, old: Obj) -> Iterator[FieldError]:
    if old.get("immutable"):
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                yield forbidden_field(field, "field is immutable when `immutable` is set")


def _default_endpoint(endpoint: Obj) -> None:
    for port in endpoint.setdefault("spec", {}).get("ports", ()):
        port.setdefault("protocol", "TCP")


def _validate_endpoint(endpoint: Obj) -> Iterator[FieldError]:
    spec = endpoint["spec"]
    if not spec.get("addresses"):
        yield required("spec.addresses")
    for index, address in enumerate(spec.get("addresses", ())):
        try:
            ip_address(address)
        except ValueError:
            yield invalid(f"spec.addresses[{index}]", address, "must be a valid IP address")
    for index, port in enumerate(spec.get("ports", ())):
        path = f"spec.ports[{index}]"
        if "port" not in port:
            yield required(f"{path}.port")
        elif error := port_number_error(port["port"]):
            yield invalid(f"{path}.port", port["port"], error)
        if port["protocol"] not in Protocol.__members__:
            yield unsupported(f"{path}.protocol", port["protocol"], sorted(Protocol))


_NONE: Final = Strategy()
_STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        "namespaces": Strategy(_default_namespace),
        "pods": Strategy(_default_pod, _validate_pod, validate_update=validate_pod_update),
        "services": Strategy(default_service, validate_service, keep_addresses, validate_service_update),
        "networkpolicies": Strategy(_default_policy, _validate_policy),
        "clusternetworkpolicies": Strategy(_default_cluster_policy, _validate_cluster_policy),
        "adminnetworkpolicies": Strategy(_default_cluster_policy, _validate_cluster_policy),
        "baselineadminnetworkpolicies": Strategy(_default_cluster_policy, _validate_baseline),
        "secrets": Strategy(_default_secret, validate_update=_immutable_data),
        "configmaps": Strategy(validate_update=_immutable_data),
        "roles": Strategy(validate=validate_role),
        "clusterroles": Strategy(validate=validate_role),
        "rolebindings": Strategy(default_binding, validate_binding, validate_update=keep_role),
        "clusterrolebindings": Strategy(default_binding, validate_binding, validate_update=keep_role),
        "resourcequotas": Strategy(default_quota),
        "limitranges": Strategy(default_limits, validate_limits),
        "priorityclasses": Strategy(default_priority, validate_priority, validate_update=keep_priority),
        "runtimeclasses": Strategy(validate=validate_runtime, validate_update=keep_handler),
        "jobs": Strategy(default_job, validate_job, carry_job, keep_job),
        "deployments": Strategy(default_deployment, validate_workload, validate_update=keep_selector),
        "daemonsets": Strategy(default_daemonset, validate_workload, validate_update=keep_selector),
        "validatingwebhookconfigurations": Strategy(default_webhooks, validate_webhooks),
        "externalendpoints": Strategy(_default_endpoint, _validate_endpoint),
    }
)

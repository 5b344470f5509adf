"""Services that lead nowhere. Policies see the target port on the pod: what a service says tells nobody about that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.lint.context import Context
from probe.lint.finding import Found, Level, at, at_key
from probe.lint.rules.ports import hint_for
from probe.manifests import ManifestObject
from probe.model.snapshot import PodState, ServicePort, ServiceState
from probe.policy.ports import NamedPort
from probe.scenario.document import Place


def service_selects_nothing(context: Context) -> Iterator[Found]:
    """A service whose selector no pod of its namespace meets; less sure where no pod of the namespace is here."""
    for service, home in _services(context):
        if not _behind(context, service):
            some = context.pods_in(service.namespace)
            wanted = ", ".join(f"{key}={value}" for key, value in service.selector.items())
            message = f"no pod of {service.namespace} has {wanted}: the service leads nowhere"
            yield at_key(home.place.child("spec", "selector"), message, level=None if some else Level.INFO)


def service_target_unserved(context: Context) -> Iterator[Found]:
    """A target port that no pod behind the service declares. A number may be served all the same; a name may not."""
    for service, home in _services(context):
        pods = _behind(context, service)
        for index, port in enumerate(service.ports if pods else ()):
            yield from _unserved(port, pods, home.place.child("spec", "ports", index))


def _unserved(port: ServicePort, pods: Sequence[PodState], place: Place) -> Iterator[Found]:
    declared = [each for pod in pods for each in pod.ports]
    if isinstance(port.target, str):
        wanted = NamedPort(port.target, port.protocol)
        if not any(wanted.covers(each.number, each.protocol, [each]) for each in declared):
            yield at(place, f"no pod behind the service serves a port {wanted}", hint_for(wanted, pods))
    elif declared and (port.target, port.protocol) not in {(each.number, each.protocol) for each in declared}:
        served = ", ".join(map(str, sorted(set(declared))))
        message = f"no pod behind the service declares the port {port.target}/{port.protocol}"
        yield at(place, message, f"declared: {served}; policies must name the port of the pod", Level.INFO)


def _services(context: Context) -> Iterator[tuple[ServiceState, ManifestObject]]:
    for service in context.manifests.snapshot.services if context.pods else ():
        home = context.objects.get(("Service", service.namespace, service.name))
        if service.selector and home is not None:
            yield service, home


def _behind(context: Context, service: ServiceState) -> list[PodState]:
    return [pod for pod in context.pods_in(service.namespace) if service.selector.items() <= pod.labels.items()]

"""Services: defaults, validation, and their cluster addresses. Their node ports are in ``nodeports``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from probe.model.cell import Family, Protocol
from probe.model.syntax import dns_label_error, port_name_error, port_number_error
from probe.sandbox.api.errors import FieldError, duplicate, invalid, required, unsupported
from probe.sandbox.api.rules.nodeports import (
    TRAFFIC_POLICIES,
    allocate_node_ports,
    default_traffic_policy,
    drop_unused,
    keep_node_ports,
    validate_node_ports,
)
from probe.sandbox.net.plan import SERVICES
from probe.sandbox.store import Obj, Store

HEADLESS: Final = "None"

_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
# The first addresses are left free, for what a cluster's add-ons expect there (.1 the API, .10 DNS).
_RESERVED: Final = 16


def default_service(service: Obj) -> None:
    """Set defaults in place."""
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    default_traffic_policy(spec)
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if "port" in port and port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port["port"]
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def validate_service(service: Obj) -> Iterator[FieldError]:
    """A defaulted service's spec."""
    spec = service["spec"]
    if spec["type"] not in _TYPES:
        yield unsupported("spec.type", spec["type"], _TYPES)
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != HEADLESS:
        yield required("spec.ports")
    names: set[str] = set()
    seen: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        yield from _port(port, path, named=len(ports) > 1)
        if (name := port.get("name")) and name in names:
            yield duplicate(f"{path}.name", name)
        names.add(port.get("name", ""))
        if (key := (port.get("port"), port["protocol"])) in seen:
            yield duplicate(path, f"{key[0]}/{key[1]}")
        seen.add(key)
    if spec["sessionAffinity"] not in ("None", "ClientIP"):
        yield unsupported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    if (internal := spec.get("internalTrafficPolicy", "Cluster")) not in TRAFFIC_POLICIES:
        yield unsupported("spec.internalTrafficPolicy", internal, TRAFFIC_POLICIES)
    yield from validate_node_ports(spec)


def _port(port: dict[str, Any], path: str, *, named: bool) -> Iterator[FieldError]:
    if named and not port.get("name"):
        yield required(f"{path}.name")
    if (name := port.get("name")) and (error := dns_label_error(name)):
        yield invalid(f"{path}.name", name, error)
    if "port" not in port:
        yield required(f"{path}.port")
    elif error := port_number_error(port["port"]):
        yield invalid(f"{path}.port", port["port"], error)
    target = port.get("targetPort")
    if isinstance(target, str):
        if error := port_name_error(target):
            yield invalid(f"{path}.targetPort", target, error)
    elif target is not None and (error := port_number_error(target)):
        yield invalid(f"{path}.targetPort", target, error)
    if port["protocol"] not in Protocol.__members__:
        yield unsupported(f"{path}.protocol", port["protocol"], sorted(Protocol))


def validate_service_update(new: Obj, old: Obj) -> Iterator[FieldError]:
    """Cluster addresses are for life."""
    before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if before and before != after:
        yield invalid("spec.clusterIPs[0]", after or "", "may not change once set")
    elif (old["spec"].get("clusterIPs") or []) != (new["spec"].get("clusterIPs") or []):
        yield invalid("spec.clusterIPs", new["spec"].get("clusterIPs") or [], "may not change once set")


def keep_addresses(new: Obj, old: Obj) -> None:
    """What an update leaves out of the allocated fields stays, in place."""
    for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if field in old["spec"] and not new["spec"].get(field):
            new["spec"][field] = old["spec"][field]
    keep_node_ports(new["spec"], old["spec"])
    drop_unused(new["spec"], old["spec"])


def allocate(store: Store, service: Obj, families: Sequence[Family]) -> list[FieldError]:
    """Give a new service its families, cluster addresses and node ports, in place; returns why that is impossible."""
    if service["spec"]["type"] == "ExternalName":
        return []
    return (
        _choose_families(service["spec"], families)
        or _allocate_addresses(store, service)
        or allocate_node_ports(store, service)
    )


def _allocate_addresses(store: Store, service: Obj) -> list[FieldError]:
    spec = service["spec"]
    asked = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    if asked[:1] == [HEADLESS]:
        spec["clusterIP"], spec["clusterIPs"] = HEADLESS, [HEADLESS]
        return []
    taken = {ip for other in store.list("services") for ip in other["spec"].get("clusterIPs", ())}
    addresses = []
    for index, family in enumerate(spec["ipFamilies"]):
        network = SERVICES[Family(family)]
        if index < len(asked):
            if error := _unusable(asked[index], network, taken):
                return [invalid(f"spec.clusterIPs[{index}]", asked[index], error)]
            addresses.append(asked[index])
        else:
            free = (str(network[offset]) for offset in range(_RESERVED, network.num_addresses - 1))
            addresses.append(next(address for address in free if address not in taken))
    spec["clusterIP"], spec["clusterIPs"] = addresses[0], addresses
    return []


def _choose_families(spec: dict[str, Any], families: Sequence[Family]) -> list[FieldError]:
    policy = spec.setdefault("ipFamilyPolicy", "SingleStack")
    if policy not in ("SingleStack", "PreferDualStack", "RequireDualStack"):
        return [unsupported("spec.ipFamilyPolicy", policy, ("PreferDualStack", "RequireDualStack", "SingleStack"))]
    if policy == "RequireDualStack" and len(families) < 2:
        return [invalid("spec.ipFamilyPolicy", policy, "this cluster is not configured for dual-stack services")]
    asked = spec.get("ipFamilies") or []
    for index, family in enumerate(asked):
        if family not in families:
            return [invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")]
    wanted = [*asked, *(str(family) for family in families if family not in asked)]
    spec["ipFamilies"] = wanted[: 1 if policy == "SingleStack" else 2]
    return []


def _unusable(address: str, network: IPv4Network | IPv6Network, taken: set[str]) -> str | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    if parsed not in network:
        return f"failed to allocate IP {address}: the provided IP is not in the valid range ({network})"
    return f"failed to allocate IP {address}: provided IP is already allocated" if address in taken else None

"""How the rules of cluster-scoped network policies name ports, and what the API refuses there.

v1alpha2 has ``protocols``, each of which is a transport with a destination port, or a port's name on its own, of
whatever protocol. v1alpha1 has ``ports``, which say their protocol (TCP if they don't).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probe.model.cell import Protocol
from probe.model.crd import exactly_one_of, no_object
from probe.model.fields import FieldError, Path, check_fields, invalid, is_int, not_supported, required
from probe.model.syntax import port_name_error, port_number_error


def validate_protocol(entry: Any, path: Path) -> Iterator[FieldError]:
    """An item of a rule's ``protocols`` (v1alpha2)."""
    if not isinstance(entry, Mapping):
        yield from no_object(entry, path)
        return
    transports = tuple(protocol.lower() for protocol in Protocol)
    yield from exactly_one_of(entry, path, {**dict.fromkeys(transports, dict), "destinationNamedPort": str})
    yield from _port_name(entry, "destinationNamedPort", path)
    for transport in transports:
        if isinstance(match := entry.get(transport), Mapping):
            yield from _transport(match, (*path, transport))


def _transport(match: Mapping[str, Any], path: Path) -> Iterator[FieldError]:
    yield from check_fields(match, path, {"destinationPort": dict})
    where = (*path, "destinationPort")
    if "destinationPort" not in match:
        yield required(where, "must be specified; the range 1 to 65535 is every port")
    elif isinstance(port := match["destinationPort"], Mapping):
        yield from exactly_one_of(port, where, {"number": int, "range": dict})
        yield from _number(port, "number", where)
        if isinstance(ports := port.get("range"), Mapping):
            yield from check_fields(ports, (*where, "range"), {"start": int, "end": int})
            yield from _range(ports, (*where, "range"))


def validate_port(entry: Any, path: Path) -> Iterator[FieldError]:
    """An item of a rule's ``ports`` (v1alpha1)."""
    if not isinstance(entry, Mapping):
        yield from no_object(entry, path)
        return
    yield from exactly_one_of(entry, path, {"portNumber": dict, "portRange": dict, "namedPort": str})
    yield from _port_name(entry, "namedPort", path)
    for key, fields in (("portNumber", ("port",)), ("portRange", ("start", "end"))):
        if not isinstance(ports := entry.get(key), Mapping):
            continue
        where = (*path, key)
        yield from check_fields(ports, where, {"protocol": str, **dict.fromkeys(fields, int)})
        protocol = ports.get("protocol")
        if isinstance(protocol, str) and protocol not in Protocol.__members__:
            yield not_supported((*where, "protocol"), protocol, sorted(Protocol))
        if key == "portRange":
            yield from _range(ports, where)
        elif "port" not in ports:
            yield required((*where, "port"), "must be specified")
        else:
            yield from _number(ports, "port", where)


def _range(ports: Mapping[str, Any], path: Path) -> Iterator[FieldError]:
    for field in ("start", "end"):
        if field not in ports:
            yield required((*path, field), "must be specified")
        yield from _number(ports, field, path)
    start, end = ports.get("start"), ports.get("end")
    if is_int(start) and is_int(end) and not start < end:
        yield invalid(path, f"{start}-{end}", "start must be less than end")


def _number(value: Mapping[str, Any], field: str, path: Path) -> Iterator[FieldError]:
    if is_int(number := value.get(field)) and (error := port_number_error(number)):
        yield invalid((*path, field), number, error)


def _port_name(entry: Mapping[str, Any], field: str, path: Path) -> Iterator[FieldError]:
    if isinstance(name := entry.get(field), str) and (error := port_name_error(name)):
        yield invalid((*path, field), name, error)

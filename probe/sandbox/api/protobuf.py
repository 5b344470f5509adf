"""Bodies in protobuf, which kubectl sends for what it builds itself (``create namespace``, ``auth can-i``, ``drain``).

Only reading, and only the kinds that such commands send: everything else is spoken in JSON, also our answers. Field
numbers are those of Kubernetes' published ``generated.proto`` files. A field that is not in a table here is an error,
so that nothing a user asked for is dropped unseen.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from probe.sandbox.api.errors import bad_request, unsupported_media

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"

_MAGIC: Final = b"k8s\x00"

Read: TypeAlias = Callable[[Any], Any]
Message: TypeAlias = Mapping[int, tuple[str, Read]]
"""Field number to the field's name in JSON and how to read its value. A list field's reader is a `_Repeated`."""


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object in JSON's form. Raises ApiError 400, 415."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body does not begin with the magic number of Kubernetes' protobuf")
    try:
        envelope = _read(_UNKNOWN, body[len(_MAGIC) :])
        kind = envelope["typeMeta"]["kind"]
        if kind not in _KINDS:
            raise unsupported_media(f"{PROTOBUF} of a {kind}", ("application/json", "application/yaml"))
        return {**envelope["typeMeta"], **_read(_KINDS[kind], envelope.get("raw", b""))}
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise bad_request(f"the body cannot be read as protobuf: {error!r}") from None


def _read(message: Message, data: bytes) -> dict[str, Any]:
    """One message. Empty values are left out, as they are in JSON."""
    found: dict[str, Any] = {}
    for number, raw in _wire(data):
        name, read = message[number]
        value = read(raw)
        if isinstance(read, _Repeated):
            found.setdefault(name, []).append(value)
        elif isinstance(read, _Map):
            found.setdefault(name, {}).update(value)
        elif value not in ("", 0, False, None):
            found[name] = value
    return found


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values: varints as numbers, the rest as bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire_type == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("a field is cut short")
            yield number, data[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {wire_type}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("a number is too long")


def _text(raw: bytes) -> str:
    return raw.decode()


def _number(raw: int) -> int:
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _flag(raw: int) -> bool:
    return bool(raw)


def _bytes(raw: bytes) -> bytes:
    return raw


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _ignored(raw: bytes) -> None:
    """Times and status of an object to be created say nothing: the server sets them."""


class _Nested:
    def __init__(self, message: Message) -> None:
        self._message = message

    def __call__(self, raw: bytes) -> dict[str, Any]:
        return _read(self._message, raw)


class _Repeated:
    def __init__(self, item: Read) -> None:
        self._item = item

    def __call__(self, raw: Any) -> Any:
        return self._item(raw)


class _Map:
    """A map is a list of entries on the wire: key 1, value 2."""

    def __init__(self, value: Read) -> None:
        self._value = value

    def __call__(self, raw: bytes) -> dict[str, Any]:
        entry = dict(_wire(raw))
        key = entry.get(1, b"")
        return {key.decode() if isinstance(key, bytes) else str(key): self._value(entry.get(2, b""))}


def _int_or_string(raw: bytes) -> int | str:
    """IntOrString: 1 says which (0 number, 1 text), 2 is the number, 3 the text."""
    value: dict[int, Any] = dict(_wire(raw))
    return _text(value.get(3, b"")) if value.get(1) else _number(value.get(2, 0))


_LABELS: Final = _Map(_text)
_NAMES: Final = _Repeated(_text)
_UNKNOWN: Final[Message] = {
    1: ("typeMeta", _Nested({1: ("apiVersion", _text), 2: ("kind", _text)})),
    2: ("raw", _bytes),
    3: ("contentEncoding", _text),
    4: ("contentType", _text),
}
_META: Final = _Nested(
    {
        1: ("name", _text),
        2: ("generateName", _text),
        3: ("namespace", _text),
        4: ("selfLink", _text),
        5: ("uid", _text),
        6: ("resourceVersion", _text),
        7: ("generation", _number),
        8: ("creationTimestamp", _ignored),
        9: ("deletionTimestamp", _ignored),
        10: ("deletionGracePeriodSeconds", _number),
        11: ("labels", _LABELS),
        12: ("annotations", _LABELS),
        14: ("finalizers", _NAMES),
    }
)
_REFERENCE: Final = _Nested({1: ("kind", _text), 2: ("namespace", _text), 3: ("name", _text), 4: ("uid", _text)})
_SERVICE_PORT: Final = _Nested(
    {
        1: ("name", _text),
        2: ("protocol", _text),
        3: ("port", _number),
        4: ("targetPort", _int_or_string),
        5: ("nodePort", _number),
        6: ("appProtocol", _text),
    }
)
_SERVICE_SPEC: Final = _Nested(
    {
        1: ("ports", _Repeated(_SERVICE_PORT)),
        2: ("selector", _LABELS),
        3: ("clusterIP", _text),
        4: ("type", _text),
        5: ("externalIPs", _NAMES),
        7: ("sessionAffinity", _text),
        8: ("loadBalancerIP", _text),
        9: ("loadBalancerSourceRanges", _NAMES),
        10: ("externalName", _text),
        11: ("externalTrafficPolicy", _text),
        12: ("healthCheckNodePort", _number),
        13: ("publishNotReadyAddresses", _flag),
        17: ("ipFamilyPolicy", _text),
        18: ("clusterIPs", _NAMES),
        19: ("ipFamilies", _NAMES),
        20: ("allocateLoadBalancerNodePorts", _flag),
        21: ("loadBalancerClass", _text),
        22: ("internalTrafficPolicy", _text),
        23: ("trafficDistribution", _text),
    }
)
_ATTRIBUTES: Final = _Nested(
    {
        1: ("namespace", _text),
        2: ("verb", _text),
        3: ("group", _text),
        4: ("version", _text),
        5: ("resource", _text),
        6: ("subresource", _text),
        7: ("name", _text),
    }
)
_PRECONDITIONS: Final = _Nested({1: ("uid", _text), 2: ("resourceVersion", _text)})
_DELETE_OPTIONS: Final[Message] = {
    1: ("gracePeriodSeconds", _number),
    2: ("preconditions", _PRECONDITIONS),
    3: ("orphanDependents", _flag),
    4: ("propagationPolicy", _text),
    5: ("dryRun", _NAMES),
}
_KINDS: Final[Mapping[str, Message]] = MappingProxyType(
    {
        "Namespace": {
            1: ("metadata", _META),
            2: ("spec", _Nested({1: ("finalizers", _NAMES)})),
            3: ("status", _ignored),
        },
        "ConfigMap": {
            1: ("metadata", _META),
            2: ("data", _LABELS),
            3: ("binaryData", _Map(_base64)),
            4: ("immutable", _flag),
        },
        "Secret": {
            1: ("metadata", _META),
            2: ("data", _Map(_base64)),
            3: ("type", _text),
            4: ("stringData", _LABELS),
            5: ("immutable", _flag),
        },
        "ServiceAccount": {
            1: ("metadata", _META),
            2: ("secrets", _Repeated(_REFERENCE)),
            3: ("imagePullSecrets", _Repeated(_Nested({1: ("name", _text)}))),
            4: ("automountServiceAccountToken", _flag),
        },
        "Service": {1: ("metadata", _META), 2: ("spec", _SERVICE_SPEC), 3: ("status", _ignored)},
        "SelfSubjectAccessReview": {
            1: ("metadata", _META),
            2: (
                "spec",
                _Nested(
                    {
                        1: ("resourceAttributes", _ATTRIBUTES),
                        2: ("nonResourceAttributes", _Nested({1: ("path", _text), 2: ("verb", _text)})),
                    }
                ),
            ),
            3: ("status", _ignored),
        },
        "SelfSubjectRulesReview": {
            1: ("metadata", _META),
            2: ("spec", _Nested({1: ("namespace", _text)})),
            3: ("status", _ignored),
        },
        "SelfSubjectReview": {1: ("metadata", _META), 2: ("status", _ignored)},
        "Eviction": {1: ("metadata", _META), 2: ("deleteOptions", _Nested(_DELETE_OPTIONS))},
        "DeleteOptions": _DELETE_OPTIONS,
    }
)

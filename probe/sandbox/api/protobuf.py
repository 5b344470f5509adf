"""Bodies in protobuf, which kubectl sends for what it builds itself (``create namespace``, ``auth can-i``, ``drain``).

Only reading, and only the kinds that such commands send: everything else is spoken in JSON, also our answers. Field
numbers are those of Kubernetes' published ``generated.proto`` files. A field that is not in a table (`protobuf_kinds`)
is an error, so that nothing a user asked for is dropped unseen.
"""

from __future__ import annotations

from typing import Any, Final

from probe.sandbox.api.errors import bad_request, unsupported_media
from probe.sandbox.api.protobuf_kinds import ENVELOPE, KINDS
from probe.sandbox.api.protobuf_read import read_message

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"

_MAGIC: Final = b"k8s\x00"


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object in JSON's form. Raises ApiError 400, 415."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body does not begin with the magic number of Kubernetes' protobuf")
    try:
        envelope = read_message(ENVELOPE, body[len(_MAGIC) :])
        kind = envelope["typeMeta"]["kind"]
        if kind not in KINDS:
            raise unsupported_media(f"{PROTOBUF} of a {kind}", ("application/json", "application/yaml"))
        return {**envelope["typeMeta"], **read_message(KINDS[kind], envelope.get("raw", b""))}
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise bad_request(f"the body cannot be read as protobuf: {error!r}") from None

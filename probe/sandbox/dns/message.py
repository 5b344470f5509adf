"""DNS messages (RFC 1035): one question in, one answer out. Standard library only."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

HEADER: Final = struct.Struct("!6H")
MAX_DATAGRAM: Final = 512
"""Without EDNS, which this server does not speak. A longer answer is cut, and the client asks again over TCP."""

_ANSWER, _AUTHORITATIVE, _TRUNCATED, _RECURSION_DESIRED, _OPCODE = 0x8000, 0x0400, 0x0200, 0x0100, 0x7800
_QUESTION_NAME = b"\xc0\x0c"  # a pointer to the name behind the header
_IN: Final = 1
_SOA_TIMES: Final = (7200, 1800, 86400)


class Type(enum.IntEnum):
    """Record types that occur here."""

    A = 1
    CNAME = 5
    SOA = 6
    AAAA = 28
    ANY = 255


class Code(enum.IntEnum):
    """Response codes."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a name in lower case without its last dot, and a type. ``raw``: the question section's bytes."""

    id: int
    flags: int
    name: str
    type: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Records (type and data: an address, or a name for CNAME), or none; ``zone`` names who says so with authority."""

    code: Code
    records: Sequence[tuple[Type, str]] = ()
    zone: str = ""
    serial: int = 0
    ttl: int = 5


class Malformed(Exception):
    """Not a question that can be answered properly. ``reply`` is what to send, empty for silence."""

    def __init__(self, reply: bytes = b"") -> None:
        super().__init__()
        self.reply = reply


def read_question(data: bytes) -> Question:
    """Parse a query. Raises Malformed."""
    if len(data) < HEADER.size:
        raise Malformed
    id, flags, questions, *_ = HEADER.unpack_from(data)
    if flags & _ANSWER:
        raise Malformed
    if flags & _OPCODE:
        raise Malformed(_head(id, flags, Code.NOTIMP))
    labels, offset = [], HEADER.size
    try:
        while length := data[offset]:
            if questions != 1 or length > 63:
                raise Malformed(_head(id, flags, Code.FORMERR))
            labels.append(data[offset + 1 : offset + 1 + length].decode("latin-1").lower())
            offset += 1 + length
        kind, group = struct.unpack_from("!2H", data, offset + 1)
    except (IndexError, struct.error):
        raise Malformed(_head(id, flags, Code.FORMERR)) from None
    if group != _IN:
        raise Malformed(_head(id, flags, Code.REFUSED))
    return Question(id, flags, ".".join(labels), kind, data[HEADER.size : offset + 5])


def write_answer(question: Question, answer: Answer, limit: int | None = None) -> bytes:
    """The reply as bytes; cut to the question alone, and marked so, where it would be longer than ``limit``."""
    records = b"".join(_record(_QUESTION_NAME, kind, answer.ttl, _data(kind, data)) for kind, data in answer.records)
    authority = _soa(answer) if answer.zone and not answer.records else b""
    flags = _ANSWER | (question.flags & _RECURSION_DESIRED) | answer.code | (_AUTHORITATIVE if answer.zone else 0)
    counts = (1, len(answer.records), 1 if authority else 0, 0)
    reply = HEADER.pack(question.id, flags, *counts) + question.raw + records + authority
    if limit is not None and len(reply) > limit:
        return HEADER.pack(question.id, flags | _TRUNCATED, 1, 0, 0, 0) + question.raw
    return reply


def write_question(id: int, name: str, kind: Type) -> bytes:
    """A query."""
    return HEADER.pack(id, _RECURSION_DESIRED, 1, 0, 0, 0) + _name(name) + struct.pack("!2H", kind, _IN)


def code_of(reply: bytes) -> Code:
    """The response code of a reply."""
    return Code(HEADER.unpack_from(reply)[1] & 0xF)


def _head(id: int, flags: int, code: Code) -> bytes:
    return HEADER.pack(id, _ANSWER | (flags & (_OPCODE | _RECURSION_DESIRED)) | code, 0, 0, 0, 0)


def _record(owner: bytes, kind: Type, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!2HIH", kind, _IN, ttl, len(data)) + data


def _data(kind: Type, data: str) -> bytes:
    return _name(data) if kind is Type.CNAME else ip_address(data).packed


def _soa(answer: Answer) -> bytes:
    """Who is responsible, beside a "no" (RFC 2308)."""
    data = _name(f"ns.dns.{answer.zone}") + _name(f"hostmaster.{answer.zone}")
    data += struct.pack("!5I", answer.serial, *_SOA_TIMES, answer.ttl)
    return _record(_name(answer.zone), Type.SOA, answer.ttl, data)


def _name(name: str) -> bytes:
    labels = (label.encode("latin-1") for label in name.rstrip(".").split("."))
    return b"".join(bytes([len(label)]) + label for label in labels if label) + b"\0"

"""One DNS question and what an answer says (RFC 1035), and where a pod's questions go (``/etc/resolv.conf``).

Only as much as tells "the nameserver answered this question" from everything else. Names are looked up nowhere else.
"""

from __future__ import annotations

import os
import re
import struct
from typing import Any, Final, NamedTuple

RESOLV_CONF: Final = "/etc/resolv.conf"
MAX_MESSAGE: Final = 65_535

_TYPE_A: Final = 1
_TYPE_AAAA: Final = 28
_CLASS_IN: Final = 1
_RECURSION_DESIRED: Final = 0x0100
_IS_ANSWER: Final = 0x8000
_OPCODE: Final = 0x7800
_TRUNCATED: Final = 0x0200
_RCODE: Final = 0x000F
_HEADER: Final = struct.Struct("!6H")
_RCODES: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
                  "NOTAUTH", "NOTZONE")  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_MAX_NAME: Final = 253
_MAX_ENTRIES: Final = 32  # of nameservers and search domains: a bound on what hello may carry


def valid_name(name: str) -> bool:
    """Whether a name can be asked for."""
    return _NAME.fullmatch(name) is not None and len(name.rstrip(".")) <= _MAX_NAME


class Query:
    """A question for the address of ``name``: AAAA where the nameserver is asked over IPv6, else A.

    ``message`` is what goes into a datagram; over TCP its length goes before it.
    """

    __slots__ = ("_id", "_question", "message")

    def __init__(self, name: str, *, ipv6: bool) -> None:
        labels = b"".join(bytes((len(label),)) + label.encode() for label in name.rstrip(".").split("."))
        kind = _TYPE_AAAA if ipv6 else _TYPE_A
        self._id = int.from_bytes(os.urandom(2), "big")
        self._question = labels + b"\0" + struct.pack("!2H", kind, _CLASS_IN)
        self.message = _HEADER.pack(self._id, _RECURSION_DESIRED, 1, 0, 0, 0) + self._question

    def trouble(self, message: bytes) -> str:
        """What keeps ``message`` from being a good answer: the rcode's name, or what is malformed; empty: nothing."""
        if len(message) < _HEADER.size:
            return "not a DNS message"
        id, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
        if id != self._id or not flags & _IS_ANSWER or flags & _OPCODE:
            return "not an answer to this question"
        code = flags & _RCODE
        if code:  # such an answer may leave the question out
            return _RCODES[code] if code < len(_RCODES) else f"rcode {code}"
        end = _HEADER.size + len(self._question)
        # Names are compared without regard to case (RFC 4343); type and class have no letters in their low bytes.
        if questions != 1 or message[_HEADER.size : end].lower() != self._question.lower():
            return "not an answer to this question"
        whole = flags & _TRUNCATED or _holds_records(message, end, answers)
        return "" if whole else "a malformed answer"


def _holds_records(message: bytes, offset: int, count: int) -> bool:
    """Whether ``count`` resource records follow at ``offset``."""
    for _ in range(count):
        offset = _after_name(message, offset)
        if offset + 10 > len(message):
            return False
        (length,) = struct.unpack_from("!H", message, offset + 8)
        offset += 10 + length
        if offset > len(message):
            return False
    return True


def _after_name(message: bytes, offset: int) -> int:
    """The offset behind a name; behind the message's end when there is none."""
    while offset < len(message):
        length = message[offset]
        if length >= 0xC0:  # a pointer ends the name
            return offset + 2
        offset += 1 + length
        if length == 0:
            return offset
    return len(message) + 1


class Resolver(NamedTuple):
    """Where names are looked up: addresses of nameservers, and search domains, in order."""

    nameservers: list[str]
    search: list[str]

    def as_json(self) -> dict[str, Any]:
        """As the control protocol shows it."""
        return self._asdict()


def read_resolver(path: str = RESOLV_CONF) -> Resolver:
    """What ``/etc/resolv.conf`` says now (resolv.conf(5): the last ``search`` line counts); nothing if unreadable."""
    nameservers: list[str] = []
    search: list[str] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                match line.split():
                    case ["nameserver", address, *_]:
                        nameservers.append(address[:64])
                    case ["search" | "domain", *domains]:
                        search = [domain[:255] for domain in domains]
    except OSError:
        pass
    return Resolver(nameservers[:_MAX_ENTRIES], search[:_MAX_ENTRIES])

"""What data ports speak: one line asks, one line answers.

    request  ``CNIPROBE/1 <nonce>\\n``                                        at most 128 bytes
    reply    ``CNIPROBE/1 <nonce> <pod uid> <source ip> <source port>\\n``    at most 512 bytes

Over UDP each is one datagram. Data ports carry no control: the worst that a stranger can do here is to be answered.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_REQUEST: Final = 128
MAX_REPLY: Final = 512

_REQUEST: Final = re.compile(rb"CNIPROBE/1 ([A-Za-z0-9._:-]{1,116})\n")
_REPLY: Final = re.compile(
    rb"CNIPROBE/1 ([A-Za-z0-9._:-]{1,116}) ([A-Za-z0-9._:-]{1,128}) "
    rb"([0-9A-Fa-f.:]+(?:%[A-Za-z0-9._-]+)?) ([0-9]{1,5})\n"
)
_NOT_TOKEN: Final = re.compile(r"[^A-Za-z0-9._:-]")


class Reply(NamedTuple):
    """Who answered, and the source address it saw."""

    nonce: str
    responder: str
    observed: str


def token(text: str) -> str:
    """``text`` fit for a place on the line (a pod UID is already); ``unknown`` when there is nothing."""
    return _NOT_TOKEN.sub("_", text)[:128] or "unknown"


def endpoint(ip: str, port: int | str) -> str:
    """``ip:port``, for IPv6 ``[ip]:port``."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def request(nonce: str) -> bytes:
    """The request line of a nonce."""
    return f"CNIPROBE/1 {nonce}\n".encode()


def parse_request(line: bytes) -> str | None:
    """The nonce of a request line, or None when it is not one."""
    match = _REQUEST.fullmatch(line)
    return match[1].decode() if match else None


def valid_nonce(nonce: str) -> bool:
    """Whether a nonce fits a request line."""
    return parse_request(request(nonce)) is not None


def reply(nonce: str, pod_uid: str, ip: str, port: int) -> bytes:
    """The reply line to a nonce that came from ``ip`` and ``port``."""
    return f"CNIPROBE/1 {nonce} {pod_uid} {ip} {port}\n".encode()


def parse_reply(line: bytes) -> Reply | None:
    """A reply, or None when it is not one of ours."""
    match = _REPLY.fullmatch(line)
    if match is None:
        return None
    nonce, responder, ip, port = (part.decode() for part in match.groups())
    return Reply(nonce, responder, endpoint(ip, port))

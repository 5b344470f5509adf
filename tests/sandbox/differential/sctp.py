"""An SCTP packet by hand, for kernels that match SCTP but do not speak it."""

from __future__ import annotations

import struct


def _row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = tuple(map(_row, range(256)))
_INIT = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A): conntrack drops packets whose checksum is wrong."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def init_packet(source_port: int, port: int) -> bytes:
    """An INIT chunk from one port to another."""
    header = struct.pack("!HHI", source_port, port, 0)
    return header + struct.pack("<I", crc32c(header + bytes(4) + _INIT)) + _INIT

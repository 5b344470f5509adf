"""Serves UDP: one datagram asks, one answers. What is no request is not answered.

A reply leaves from the address that the request was sent to. A host with several addresses (a node, an endpoint
outside the cluster) would otherwise answer from its first, and a connected socket at the other end drops that.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from . import sockets, wire
from .reactor import readable
from .receipts import Receipts

_IP_PKTINFO: Final = 8  # <linux/in.h>; the socket module has had it only since Python 3.14
_IPV4_INFO: Final = struct.Struct("=i4s4s")  # struct in_pktinfo: interface, local address, destination
_IPV6_INFO: Final = struct.Struct("=16si")  # struct in6_pktinfo: address, interface
_CONTROL_BYTES: Final = socket.CMSG_SPACE(_IPV6_INFO.size)
_BUFFER_BYTES: Final = 4 << 20  # asked for; the kernel gives what net.core.rmem_max allows
_DATAGRAMS_PER_TURN: Final = 64

Control = list[tuple[int, int, bytes]]


def listen(family: int, port: int) -> socket.socket:
    """A bound socket on every address of a family, which tells the address each datagram was sent to."""
    sock = sockets.make(sockets.UDP, family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.bind(("", port))
    except OSError:
        sock.close()
        raise
    return sock


async def serve(sock: socket.socket, pod_uid: str, receipts: Receipts) -> None:
    """Answer forever."""
    port: int = sock.getsockname()[1]
    while True:
        await readable(sock)
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                # One byte more than a request may have, so that a longer one is seen to be longer.
                data, control, _, peer = sock.recvmsg(wire.MAX_REQUEST + 1, _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # an error that an earlier reply met
            nonce = wire.parse_request(data)
            if nonce is None:
                continue
            receipts.add(nonce, peer[0], peer[1], port, sockets.UDP)
            try:
                sock.sendmsg([wire.reply(nonce, pod_uid, peer[0], peer[1])], _reply_from(control), 0, peer)
            except OSError:
                continue  # a full buffer, or no way back: the peer asks again, the receipt is kept


def _reply_from(control: Control) -> Control:
    """The control message that makes a reply leave from where its request went."""
    for level, kind, data in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _, local, _ = _IPV4_INFO.unpack(data)
            return [(level, kind, _IPV4_INFO.pack(0, local, b""))]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            address, interface = _IPV6_INFO.unpack(data)
            link_local = address[:1] == b"\xfe" and address[1] & 0xC0 == 0x80
            return [(level, kind, _IPV6_INFO.pack(address, interface if link_local else 0))]
    return []

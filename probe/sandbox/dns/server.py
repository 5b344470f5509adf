"""The name server: UDP and TCP port 53 of its pod, over every family that it has. Standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from probe.sandbox.dns.message import (
    MAX_DATAGRAM,
    Code,
    Malformed,
    Type,
    code_of,
    read_question,
    write_answer,
    write_question,
)
from probe.sandbox.dns.zone import ZoneFile

PORT: Final = 53
_IDLE_SECONDS: Final = 10.0
_READY_SECONDS: Final = 1.0
_EVERYWHERE: Final = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
_LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

Reply = Callable[[bytes, int | None], bytes]
"""A query and the longest answer that fits; empty when there is nothing to say."""


def replier(zone: ZoneFile) -> Reply:
    """Answers from a zone."""

    def reply(query: bytes, limit: int | None) -> bytes:
        try:
            question = read_question(query)
        except Malformed as error:
            return error.reply
        return write_answer(question, zone.answer(question.name, question.type), limit)

    return reply


async def serve(zone: Path, port: int = PORT) -> None:
    """Until SIGTERM. Raises OSError when no family can be served."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reply = replier(ZoneFile(zone))
    async with contextlib.AsyncExitStack() as stack:
        for datagrams, streams in _listen(port):
            transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(reply), sock=datagrams)
            stack.callback(transport.close)
            server = await asyncio.start_server(lambda *ends: _stream(reply, *ends), sock=streams)
            stack.callback(server.close)
        await stop.wait()


def _listen(port: int) -> list[tuple[socket.socket, socket.socket]]:
    made: list[tuple[socket.socket, socket.socket]] = []
    for family, address in _EVERYWHERE:
        datagrams, streams = (socket.socket(family, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        try:
            for end in (datagrams, streams):
                if family == socket.AF_INET6:
                    end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                end.bind((address, port))
            streams.listen(1024)
        except OSError:
            datagrams.close()
            streams.close()
            if family == socket.AF_INET:
                continue  # the other family may be there
            if not made:
                raise
        else:
            made.append((datagrams, streams))
    return made


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if answer := self._reply(data, MAX_DATAGRAM):
            self._transport.sendto(answer, addr)


async def _stream(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions of one TCP connection, each with its length before it, until the client leaves or falls silent."""
    try:
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                if not (answer := reply(query, None)):
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        return
    finally:
        writer.close()


def is_ready(domain: str, port: int = PORT) -> bool:
    """Whether the server next door answers for its domain."""
    id = int.from_bytes(os.urandom(2), "big")
    for family, address in _LOOPBACK:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(_READY_SECONDS)
                client.connect((address, port))
                client.send(write_question(id, domain, Type.SOA))
                return code_of(client.recv(MAX_DATAGRAM)) is Code.NOERROR
        except OSError:
            continue
    return False

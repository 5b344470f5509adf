"""Takes orders, in PID 1 of the sandbox."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from probe.model.errors import UsageError

SOCKET: Final = "orders"
"""Name in the state directory."""

MAX_MESSAGE: Final = 64 * 1024

Carry: TypeAlias = Callable[[dict[str, Any]], Awaitable[Any]]


def order_socket(directory: int) -> socket.socket:
    """Where orders arrive: bound in the directory behind a descriptor, since PID 1 has no path to it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.setblocking(False)
    made.bind(f"/proc/self/fd/{directory}/{SOCKET}")
    made.listen(16)
    return made


async def take_orders(listener: socket.socket, carry: Carry) -> None:
    """For ever. An order once taken is carried out, whether or not who gave it waits. An error that is not a
    UsageError ends this, and with it the sandbox: something is half done."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        while True:
            connection, _ = await loop.sock_accept(listener)
            group.create_task(_serve(connection, carry), name="order")


async def _serve(connection: socket.socket, carry: Carry) -> None:
    loop = asyncio.get_running_loop()
    with connection:
        connection.setblocking(False)
        message = await loop.sock_recv(connection, MAX_MESSAGE)
        if not message:
            return
        try:
            answer = {"done": await carry(json.loads(message))}
        except UsageError as error:
            answer = {"refused": str(error)}
        with suppress(ConnectionError):
            await loop.sock_sendall(connection, json.dumps(answer).encode())

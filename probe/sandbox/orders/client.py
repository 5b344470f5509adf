"""Gives orders to a running sandbox, from the host."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

from probe.model.errors import SandboxError, UsageError
from probe.sandbox.orders.server import MAX_MESSAGE, SOCKET
from probe.sandbox.state import StateDirectory


async def give(directory: StateDirectory, order: str, **arguments: Any) -> Any:
    """Have an order carried out, and wait until it is; what was done, as `disturb` describes it.

    Raises UsageError when it makes no sense, SandboxError when there is no such sandbox or it broke down over it.
    """
    if not directory.is_running():
        raise SandboxError(f"no sandbox named {directory.name} is running")
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.setblocking(False)
        try:
            await _connect(connection, directory.path)
            await loop.sock_sendall(connection, json.dumps({"order": order, **arguments}).encode())
            answer = await loop.sock_recv(connection, MAX_MESSAGE)
        except OSError as error:
            raise SandboxError(f"sandbox {directory.name} takes no orders: {error.strerror}") from error
    if not answer:
        raise SandboxError(f"sandbox {directory.name} broke down; the end of its log:\n{directory.log_tail()}")
    said = json.loads(answer)
    if "refused" in said:
        raise UsageError(said["refused"])
    return said["done"]


async def _connect(connection: socket.socket, path: Path) -> None:
    """By a descriptor, since an address of a Unix socket has room for 107 bytes of path."""
    folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{folder}/{SOCKET}")
    finally:
        os.close(folder)


def by_kubeconfig(path: str | None) -> StateDirectory | None:
    """The running sandbox that a KUBECONFIG belongs to, if any."""
    if not path:
        return None
    for directory in StateDirectory.all():
        state = directory.read()
        if state is not None and Path(state.kubeconfig) == Path(path).absolute():
            return directory
    return None

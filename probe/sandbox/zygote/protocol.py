"""Messages between the sandbox and its zygote: one JSON object a packet, file descriptors as SCM_RIGHTS.

    -> {"id": 1, "op": "start", ...ContainerProcess}   fds: status, netns, output
    -> {"id": 2, "op": "exec", ...ExecProcess}         fds: status, pidfd, stdin, stdout, stderr
    <- {"id": 1, "pid": 17}                            fds: pidfd
    <- {"id": 2, "error": "..."}                       nothing was started
    <- {"exited": 17, "code": 0}                       128 + N when signal N ended it

``status`` is the writing end of a pipe: the child closes it when it becomes what was asked for, or writes the
reason (`Refusal`) first. Process ids are those of the sandbox's PID namespace.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_PACKET = 128 * 1024
MAX_FDS = 8

FORKED_MODULES = {"cni_probe_agent": "cni-probe-agent", "probe.sandbox.dns": "cni-probe-dns"}
"""``python3 -m cni_probe_agent ...`` runs in the forked child itself, without an execve: module to process name."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of the sandbox's that a container sees at ``target``."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerProcess:
    """A container's first process: PID 1 of a PID namespace of its own."""

    argv: Sequence[str]
    env: dict[str, str]
    hostname: str
    cwd: str = "/"
    mounts: Sequence[Mount] = ()
    drop_capabilities: bool = False
    no_new_privileges: bool = False


@dataclass(frozen=True, slots=True)
class ExecProcess:
    """A further process in a running container's namespaces."""

    argv: Sequence[str]
    env: dict[str, str]
    cwd: str = "/"
    tty: bool = False
    drop_capabilities: bool = False
    no_new_privileges: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a child did not become what was asked for; ``exit_code`` is what a shell would have said."""

    message: str
    exit_code: int = 128


@dataclass(slots=True)
class Packet:
    """A received message. Whoever takes it owns the file descriptors."""

    body: dict[str, Any]
    fds: list[int] = field(default_factory=list)


def send(sock: socket.socket, body: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message. Raises BlockingIOError on a full non-blocking socket, OSError (EMSGSIZE) when too large."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([json.dumps(body, separators=(",", ":")).encode()], ancillary)


def receive(sock: socket.socket) -> Packet | None:
    """Receive one message; None at end of file. Raises ValueError when it is not one of ours."""
    data, ancillary, flags, _ = sock.recvmsg(MAX_PACKET, socket.CMSG_SPACE(MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    if not data:
        return None
    packet = Packet({}, fds.tolist())
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("a message was cut short")
        body = json.loads(data)
        if not isinstance(body, dict):
            raise ValueError("a message is not an object")
    except (ValueError, RecursionError) as error:
        close_all(packet.fds)
        raise ValueError(str(error)) from error
    packet.body = body
    return packet


def close_all(fds: list[int]) -> None:
    """Close file descriptors and forget them."""
    while fds:
        os.close(fds.pop())

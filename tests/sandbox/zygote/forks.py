"""The fork server as tests drive it: without asyncio, one message at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from probe.sandbox.zygote.protocol import ContainerProcess, ExecProcess, receive, send


class Zygote:
    """A zygote and the pipe to it, without asyncio."""

    def __init__(self, sock: socket.socket, pid: int) -> None:
        self._sock = sock
        self.pid = pid
        self.netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        self.null = os.open(os.devnull, os.O_RDWR)

    def say(self, body: Any, fds: Sequence[int] = ()) -> None:
        send(self._sock, body, fds)

    def say_bytes(self, data: bytes) -> None:
        self._sock.send(data)

    def hear(self) -> dict[str, Any]:
        packet = receive(self._sock)
        assert packet is not None, "the zygote has ended"
        for fd in packet.fds[1:]:
            os.close(fd)
        return packet.body | ({"pidfd": packet.fds[0]} if packet.fds else {})

    def start(self, *argv: str, **more: Any) -> tuple[int, int, str]:
        """Start a container; its pid, pidfd, and why it was refused."""
        process = ContainerProcess(list(argv), {"PATH": os.defpath}, "pod", **more)
        return self._ask("start", asdict(process), (self.netns, self.null))

    def execute(self, pidfd: int, *argv: str) -> tuple[int, int, str]:
        process = ExecProcess(list(argv), {"PATH": os.defpath})
        return self._ask("exec", asdict(process), (pidfd, self.null, self.null, self.null))

    def _ask(self, operation: str, body: dict[str, Any], fds: tuple[int, ...]) -> tuple[int, int, str]:
        read, write = os.pipe()
        self.say({"id": 1, "op": operation, **body}, (write, *fds))
        os.close(write)
        answer = self.hear()
        with os.fdopen(read) as status:
            refusal = status.read()
        assert "pid" in answer, answer
        return answer["pid"], answer["pidfd"], json.loads(refusal)["message"] if refusal else ""

    def close(self) -> None:
        os.close(self.netns)
        os.close(self.null)

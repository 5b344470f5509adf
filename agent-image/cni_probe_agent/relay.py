"""Joins stdin and stdout to the agent's control socket: what ``pods/exec`` runs inside the pod.

Two threads that copy with blocking calls: backpressure comes from the kernel, half-close is one line each way.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import Final

WAIT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
_CHUNK: Final = 1 << 16


def connect(path: str, wait: float) -> socket.socket:
    """Connect to the control socket, which may be about to appear. OSError after ``wait`` seconds."""
    deadline = time.monotonic() + wait
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return sock


def run(path: str, wait: float = WAIT_SECONDS) -> int:
    """Copy both ways until the agent has said all. Exit code 1, with a reason on stderr, when that goes wrong."""
    try:
        sock = connect(path, wait)
    except OSError as error:
        print(f"relay: no agent at {path} after {wait:g} s: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    threading.Thread(target=_copy_in, args=(sock,), daemon=True).start()
    try:
        while chunk := sock.recv(_CHUNK):
            _write(1, chunk)
    except OSError as error:
        print(f"relay: the stream broke: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    return 0


def _copy_in(sock: socket.socket) -> None:
    """Copy stdin to the agent; its end is passed on as a half-close, so that answers still come back."""
    try:
        while chunk := os.read(0, _CHUNK):
            sock.sendall(chunk)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the agent is gone: the other direction sees it too


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]

"""The agent itself: listeners, receipts and the control socket on one reactor, until SIGTERM."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final

from . import wire
from .control import Control
from .listeners import Listeners, PortSpec
from .reactor import Reactor, readable
from .receipts import Receipts
from .session import BadFrame

_DESCRIPTORS: Final = 16_384
_BACKLOG: Final = 1024


class _Pipe:
    """The reading end of a pipe, awaited by the main task; signal handlers write to the other end."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._read

    def wake(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write, b".")


def run(ports: Sequence[PortSpec], socket_path: str, pod_uid: str, start: str = "", *, linger: bool = False) -> int:
    """Serve until SIGTERM or SIGINT (the agent is PID 1 of its container, so nobody else handles them).

    ``start``: a series to begin before anything else, as JSON; empty for none. ``linger``: go on after SIGTERM, as a
    server does that has requests to finish in its pod's grace period.
    """
    stop = _Pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if linger and number == signal.SIGTERM else stop.wake)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # PID 1 reaps what is handed to it
    _raise_descriptor_limit()
    reactor = Reactor()
    receipts = Receipts()
    uid = wire.token(pod_uid)
    listeners = Listeners(reactor, uid, receipts)
    control = Control(reactor, uid, listeners, receipts)
    if start:
        try:
            control.begin(start)
        except BadFrame as error:
            print(f"cannot begin what the environment asks for: {error}", file=sys.stderr, flush=True)
            return 1
    listeners.open(ports)
    for state in listeners.states:
        if state.error:
            print(f"cannot listen on {state.port}/{state.protocol} {state.family}: {state.error}", file=sys.stderr)
    try:
        control_socket = _listen(socket_path)
    except OSError as error:
        print(f"cannot open the control socket {socket_path}: {error}", file=sys.stderr, flush=True)
        return 1
    reactor.spawn(control.serve(control_socket))
    print(f"agent of pod {uid} serves {' '.join(f'{port}/{protocol}' for port, protocol in ports)}", flush=True)
    reactor.run(readable(stop))
    with contextlib.suppress(OSError):
        os.unlink(socket_path)
    return 0


def _listen(path: str) -> socket.socket:
    """The control socket, for the agent's own user only.

    It appears under its name when it accepts already, in place of what a predecessor left there.
    """
    new = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    sock = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        sock.bind(new)
    finally:
        os.umask(before)
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    os.rename(new, path)
    return sock


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as we may need and are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

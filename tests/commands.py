"""``cni-probe`` as a process of its own that need not start an interpreter and import the client of Kubernetes first.

Importing takes longer than most of what tests ask of a command. Here a server has imported everything, and each
command is a fork of it: with a process, a standard output and an exit code of its own, and the environment and the
directory of the test that asks. Tests of signals, of broken pipes or of how the command starts use a true start.

The server is a process of its own, and not a fork of the tests', since only a process with one thread can be forked.
There is one for each process that runs tests; it ends with it, however that ends, since it reads the other end of
a socket. No command outlives its ``timeout``.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from probe import cli

_ROOT = Path(__file__).parents[1]
_IMPORTED: Final = (
    *("probe.cli.run", "probe.cli.doctor", "probe.cli.sandbox", "probe.cli.clean"),
    *("probe.cluster.connect", "probe.engine.run", "probe.report.outputs", "probe.sandbox.launch"),
)
_MAX_REQUEST = 1 << 20
"""Bytes: words and environment."""
_OTHER_DESCRIPTORS = 1024
"""More than the server ever has."""


def run(*words: str, timeout: float = 60, one_stream: bool = False) -> subprocess.CompletedProcess[str]:
    """Run ``cni-probe`` with these words to its end; ``one_stream``: what it says on stderr is among its output.

    Raises TimeoutExpired, after ending it; ConnectionError when the server is no more.
    """
    request = {"words": words, "env": dict(os.environ), "cwd": str(Path.cwd())}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = (out, out if one_stream else err)
        code = _finish(request, [stream.fileno() for stream in streams], timeout)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read().decode(), err.read().decode())


def _finish(request: dict[str, Any], streams: list[int], timeout: float) -> int:
    """Have a command run; its exit code, as ``subprocess`` has it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            socket.send_fds(_server(), [json.dumps(request).encode()], [theirs.fileno(), *streams])
        ours.settimeout(timeout)
        pid = _number(ours)
        try:
            return _number(ours)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)  # it is not reaped before its code is sent: nobody else has this number
            raise subprocess.TimeoutExpired(request["words"], timeout) from None


def _number(connection: socket.socket) -> int:
    data = connection.recv(64)
    if not data:
        raise ConnectionError("the server of commands has ended: see its traceback on stderr")
    return int(data)


@cache
def _server() -> socket.socket:
    """The connection to this process' server; it is made at the first call."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        line = [sys.executable, "-m", "tests.commands", str(theirs.fileno())]
        server = subprocess.Popen(line, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, cwd=_ROOT)

    def end() -> None:
        ours.close()
        server.wait(60)

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork a command for each request, and tell who asks its process and then its exit code.

    Returns the request, in the fork, when its streams are in place; and None when nobody can ask any more.
    """
    with selectors.DefaultSelector() as selector:  # of what is asked, and of the commands that have not ended
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    selector.unregister(key.fd)
                    _bury(key.fd, *key.data)
                    continue
                request, fds, _, _ = socket.recv_fds(requests, _MAX_REQUEST, 3)
                if not request:
                    return None
                pid = os.fork()
                if pid == 0:
                    os.dup2(fds[1], 1)
                    os.dup2(fds[2], 2)
                    found: dict[str, Any] = json.loads(request)
                    return found
                for fd in fds[1:]:
                    os.close(fd)
                client = socket.socket(fileno=fds[0])
                client.send(b"%d" % pid)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, client))


def _bury(pidfd: int, pid: int, client: socket.socket) -> None:
    os.close(pidfd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with client, suppress(BrokenPipeError):  # who gave up is not there any more
        client.send(b"%d" % code)


def main() -> int:
    """The server, and in its forks the commands."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return 0
    os.closerange(3, _OTHER_DESCRIPTORS)  # the server's own: who asks must see its end
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv[1:] = request["words"]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())

"""The zygote's loop: forks what it is asked for, reaps everything, says what has ended.

Started as ``python -m probe.sandbox.zygote FD``. One thread and no event loop, so that a fork copies nothing
that is running. A request it cannot understand is answered with an error, never with the zygote's end.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from probe.sandbox import linux
from probe.sandbox.zygote import child
from probe.sandbox.zygote.protocol import (
    ContainerProcess,
    ExecProcess,
    Mount,
    Packet,
    close_all,
    receive,
    send,
)


class Zygote:
    """The fork server."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._wakeup, wakeup = socket.socketpair()
        for end in (self._wakeup, wakeup):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup.detach(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until the sandbox closes its end."""
        selector = selectors.DefaultSelector()
        selector.register(self._sock, selectors.EVENT_READ)
        selector.register(self._wakeup, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if self._wakeup in ready:
                self._wakeup.recv(4096)
                self._reap()
            if self._sock in ready and not self._receive():
                return

    def _receive(self) -> bool:
        try:
            packet = receive(self._sock)
        except ValueError as error:
            send(self._sock, {"id": None, "error": f"not a message: {error}"})
            return True
        if packet is None:
            return False
        try:
            pid, pidfd = self._handle(packet)
        except Exception as error:  # noqa: BLE001 - one bad request must not be every pod's end
            send(self._sock, {"id": packet.body.get("id"), "error": f"{type(error).__name__}: {error}"})
        else:
            send(self._sock, {"id": packet.body["id"], "pid": pid}, [pidfd])
            os.close(pidfd)
        finally:
            close_all(packet.fds)
        return True

    def _handle(self, packet: Packet) -> tuple[int, int]:
        body = dict(packet.body)
        operation = body.pop("op")
        if not isinstance(body.pop("id"), int):
            raise ValueError("a request needs a number")
        if operation == "start":
            container = _container(body)
            status, netns, output = packet.fds
            return self._fork(self._new_pid_namespace, lambda: child.run_container(container, status, netns, output))
        if operation == "exec":
            process = ExecProcess(**body)
            _check(process)
            status, pidfd, stdin, stdout, stderr = packet.fds
            stdio = (stdin, stdout, stderr)
            return self._fork(
                lambda: linux.setns(pidfd, linux.CLONE_NEWPID), lambda: child.run_exec(process, status, pidfd, stdio)
            )
        raise ValueError(f"no such operation: {operation}")

    @staticmethod
    def _new_pid_namespace() -> None:
        linux.unshare(linux.CLONE_NEWPID)

    def _fork(self, choose_pid_namespace: Callable[[], None], run: Callable[[], NoReturn]) -> tuple[int, int]:
        choose_pid_namespace()
        try:
            pid = os.fork()
            if pid == 0:
                run()
        finally:
            linux.setns(self._home, linux.CLONE_NEWPID)
        return pid, os.pidfd_open(pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            send(self._sock, {"exited": pid, "code": code if code >= 0 else 128 - code})


def _container(body: dict[str, Any]) -> ContainerProcess:
    mounts = [Mount(**mount) for mount in body.pop("mounts", ())]
    process = ContainerProcess(**body, mounts=mounts)
    _check(process)
    return process


def _check(process: ContainerProcess | ExecProcess) -> None:
    words = [*process.argv, *process.env, *process.env.values(), process.cwd]
    if not process.argv or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise ValueError("a command is a list of strings, an environment maps strings to strings")


def main() -> None:
    """Import what children need, then serve."""
    import cni_probe_agent.__main__  # noqa: F401 - so that every child has it

    linux.become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.collect()
    gc.disable()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        try:
            Zygote(sock).serve()
        except BrokenPipeError:
            return  # the sandbox is gone


if __name__ == "__main__":
    main()

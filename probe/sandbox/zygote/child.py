"""What a forked child does: enter or make its namespaces, give up privileges, become the container's process.

Runs after fork in a copy of the zygote and never returns. A pod sees the host's files, read-only (``mounts``): the
sandbox has no images, so whatever program the host has can be run in a pod, and none can write to it.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import importlib
import json
import os
import signal
import socket
import sys
import termios
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import NoReturn

from probe.sandbox import linux
from probe.sandbox.zygote.mounts import mount_all
from probe.sandbox.zygote.protocol import FORKED_MODULES, ContainerProcess, ExecProcess, Refusal

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit codes of a command that could not be executed, as shells and container runtimes have them."""


def run_container(process: ContainerProcess, status: int, netns: int, output: int) -> NoReturn:
    """Become PID 1 of a container. ``output`` takes stdout and stderr."""

    def enter() -> None:
        linux.setns(netns, linux.CLONE_NEWNET)
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
        socket.sethostname(process.hostname)
        mount_all(process.mounts)
        _take_stdio(os.open(os.devnull, os.O_RDONLY), output, output)

    _become(process, status, (netns, output), enter)


def run_exec(process: ExecProcess, status: int, pidfd: int, stdio: tuple[int, int, int]) -> NoReturn:
    """Join a container; the zygote has chosen its PID namespace for us already."""

    def enter() -> None:
        linux.setns(pidfd, linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
        _take_stdio(*stdio)
        if process.tty:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    _become(process, status, (pidfd, *stdio), enter)


def _become(
    process: ContainerProcess | ExecProcess, status: int, fds: Collection[int], enter: Callable[[], None]
) -> NoReturn:
    try:
        _forget_the_zygote({0, 1, 2, status, *fds})
        os.setsid()
        enter()
        for fd in set(fds) - {0, 1, 2}:
            os.close(fd)
        os.chdir(process.cwd)
        if process.drop_capabilities:
            linux.drop_capabilities()
        if process.no_new_privileges:
            linux.forbid_new_privileges()
        if (module := forked_module(process.argv)) is not None:
            os.close(status)
            _run_module(module, process)
        _execute(process, status)
    except BaseException as error:  # noqa: BLE001 - nothing of a child may ever return into the zygote's loop
        _refuse(status, Refusal(f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)))


def forked_module(argv: Sequence[str]) -> str | None:
    """The module of ours that the command runs, which needs no execve: its interpreter is here already."""
    match [os.path.basename(argv[0]), *argv[1:3]]:
        case ["python3" | "python", "-m", module] if module in FORKED_MODULES:
            return module
    return None


def _forget_the_zygote(keep: Collection[int]) -> None:
    """Close what is not ours, and have signals as a fresh process has them."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd not in keep:
            try:
                os.close(fd)
            except OSError as error:  # the listing's own descriptor is closed by now
                if error.errno != errno.EBADF:
                    raise


def _take_stdio(stdin: int, stdout: int, stderr: int) -> None:
    for fd, source in enumerate((stdin, stdout, stderr)):
        os.dup2(source, fd, inheritable=True)
    if stdin > 2:
        os.set_inheritable(stdin, False)


def _run_module(module: str, process: ContainerProcess | ExecProcess) -> NoReturn:
    code: object = 1
    try:
        gc.enable()
        linux.name_process(FORKED_MODULES[module])
        os.environ.clear()
        os.environ.update(process.env)
        sys.argv = list(process.argv[2:])
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout, sys.stderr = (open(fd, "w", buffering=1, closefd=False) for fd in (1, 2))  # noqa: SIM115
        code = importlib.import_module(f"{module}.__main__").main(list(process.argv[3:]))
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - what Python does with an exception that nobody caught
        sys.excepthook(*sys.exc_info())
    finally:
        _leave(code)


def _leave(code: object) -> NoReturn:
    """End as ``sys.exit(code)`` does, without the zygote's exit handlers."""
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit((code or 0) & 0xFF)


def _execute(process: ContainerProcess | ExecProcess, status: int) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, other programs expect them
        signal.signal(number, signal.SIG_DFL)
    os.set_inheritable(status, False)
    program = process.argv[0]
    try:
        os.execvpe(program, list(process.argv), process.env)
    except FileNotFoundError:
        refusal = Refusal(f'exec: "{program}": executable file not found in $PATH', NOT_FOUND)
    except OSError as error:
        refusal = Refusal(f'exec: "{program}": {error.strerror}', NOT_EXECUTABLE)
    if isinstance(process, ExecProcess):  # belongs on the user's terminal, as the command's own output would
        os.write(2, f"{refusal.message}\n".encode())
        os._exit(refusal.exit_code)
    _refuse(status, refusal)


def _refuse(status: int, refusal: Refusal) -> NoReturn:
    try:
        os.write(status, json.dumps(asdict(refusal)).encode())
    finally:
        os._exit(refusal.exit_code)

"""Where a sandbox is known on the host: one directory with its kubeconfig, its process id, its log, and a lock.

The sandbox holds the lock for as long as any of it lives, so "is it running?" has one answer that survives SIGKILL
and reboots: a directory whose lock is free is stale, and whoever finds it may remove it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from probe.model.errors import SandboxError

_FILES = ("kubeconfig", "state.json.new", "state.json", "log", "orders", "lock")
"""All that a state directory ever holds, the lock last."""

KUBECONFIG_MARK = "# written by cni-probe sandbox"
"""First line of a kubeconfig of ours: only such a file is ever overwritten or removed."""


@dataclass(frozen=True, slots=True)
class SandboxState:
    """A running sandbox. ``started`` is PID 1's start time in clock ticks since boot: no other is mistaken for it."""

    name: str
    pid: int
    started: int
    server: str
    kubeconfig: str
    nodes: int
    families: list[str]
    enforcement: bool
    version: str
    since: str
    fault: str | None = None


def base_directory() -> Path:
    """The directory of all sandboxes of this user, made if needed. Raises SandboxError when it is not ours alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime, "cni-probe") if runtime and os.path.isdir(runtime) else Path(f"/tmp/cni-probe-{os.geteuid()}")
    try:
        base.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SandboxError(f"cannot make the state directory {base}: {error.strerror}") from error
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SandboxError(f"{base} is not a directory that only you can use: remove it, or set XDG_RUNTIME_DIR")
    return base


class StateDirectory:
    """One sandbox's directory, by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = base_directory() / name

    @property
    def kubeconfig(self) -> Path:
        """Where the kubeconfig is unless another place was asked for."""
        return self.path / "kubeconfig"

    @property
    def log(self) -> Path:
        """What the sandbox has to say."""
        return self.path / "log"

    def acquire(self) -> int | None:
        """Take the lock and an empty directory; None when the sandbox is running. Close the descriptor to let go."""
        while True:
            self.path.mkdir(mode=0o700, exist_ok=True)
            try:
                lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # somebody removed the directory in between
            if not _try_lock(lock):
                os.close(lock)
                return None
            if self._is_current(lock):
                self._remove_files(_FILES[:-1])
                return lock
            os.close(lock)

    def _is_current(self, lock: int) -> bool:
        try:
            return os.path.samestat(os.fstat(lock), (self.path / "lock").stat())
        except FileNotFoundError:
            return False

    def is_running(self) -> bool:
        """Whether a sandbox holds the lock."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(lock)
        finally:
            os.close(lock)

    def remove_if_stale(self) -> bool:
        """Remove what a killed sandbox left; whether there was something."""
        if not self.path.is_dir():
            return False
        state = self.read()
        lock = self.acquire()
        if lock is None:
            return False
        if state is not None:
            remove_kubeconfig(Path(state.kubeconfig))
        self.remove()
        os.close(lock)
        return True

    def remove(self) -> None:
        """Remove the directory. Only for who holds the lock."""
        self._remove_files(_FILES)
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return

    def _remove_files(self, names: tuple[str, ...]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def write(self, state: SandboxState) -> None:
        """Say what is running here."""
        temporary = self.path / "state.json.new"
        temporary.write_text(json.dumps(asdict(state), indent=2) + "\n")
        temporary.rename(self.path / "state.json")

    def read(self) -> SandboxState | None:
        """What is running here; None while it starts, or when there is nothing."""
        try:
            return SandboxState(**json.loads((self.path / "state.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def log_tail(self, lines: int = 15) -> str:
        """The end of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    @classmethod
    def all(cls) -> Iterator[Self]:
        """Every sandbox directory of this user, in order of name."""
        for path in sorted(base_directory().iterdir()):
            if path.is_dir():
                yield cls(path.name)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_in(directory: int) -> None:
    """Empty the state directory behind a descriptor: what PID 1 does, which has no path to it."""
    for name in _FILES[:-1]:
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            continue


def write_kubeconfig(path: Path, content: str) -> None:
    """Write a kubeconfig that only its owner can read. Raises SandboxError rather than replace one that is not ours."""
    if path.exists() and not _is_ours(path):
        raise SandboxError(f"{path} exists and was not written by `cni-probe sandbox`: remove it or name another file")
    path.unlink(missing_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SandboxError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(fd, "w") as file:
        file.write(f"{KUBECONFIG_MARK}\n{content}")


def remove_kubeconfig(path: Path) -> None:
    """Remove a kubeconfig of ours; leave everything else."""
    if path.exists() and _is_ours(path):
        path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text(errors="replace").startswith(KUBECONFIG_MARK)
    except OSError:
        return False


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def signal_process(state: SandboxState, number: signal.Signals) -> bool:
    """Signal a sandbox's PID 1, and nobody else who has got its pid since. Whether it was there."""
    try:
        pidfd = os.pidfd_open(state.pid)
    except ProcessLookupError:
        return False
    try:
        if start_time(state.pid) != state.started:
            return False
        signal.pidfd_send_signal(pidfd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)

"""A container of the agent's image as a kubelet would run it under PodSecurity ``restricted``: without a runtime.

Namespaces of its own for mounts, network, processes; the root file system read-only; another user, no capability.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.agent.support import RunningAgent, wait_for

# $1 root, $2 directory for the control socket, $3 user and group, then the program and its arguments
_ENTER = """
set -e
root=$1 control=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount --bind "$control" "$root/run/cni-probe"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
exec chroot --userspec="$user" --groups="" "$root" "$@"
"""
_NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child")


@contextmanager
def running(root: Path, control: Path, config: Mapping[str, Any], args: Sequence[str]) -> Iterator[RunningAgent]:
    """The image's entry point with ``args``, until the end of the block. ``control``: where its socket appears."""
    user = config["User"]
    control.chmod(0o777)
    command = [*_NAMESPACES, "sh", "-c", _ENTER, "sh", str(root), str(control), user, *config["Entrypoint"], *args]
    environment = dict(entry.split("=", 1) for entry in config["Env"]) | {"CNI_PROBE_POD_UID": "uid-of-test"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    path = control / "agent.sock"
    pids: list[int] = []
    try:
        wait_for(lambda: process.poll() is not None or path.exists(), "the control socket")
        assert process.poll() is None, process.communicate()[0].decode()
        pids.append(agent_pid(path))
        yield RunningAgent(process, path, "uid-of-test", _entering(pids[0], environment))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)  # as PID 1 it takes all of the container with it
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output.decode()


def _entering(pid: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What runs a program in the container of a process, as exec does: with the image's environment."""
    namespaces = (str(shutil.which("nsenter")), "--target", str(pid), "--all", "--root", "--wd=/")
    clean = (str(shutil.which("env")), "-i", *(f"{name}={value}" for name, value in environment.items()))
    return (*clean, *namespaces, "--setuid", "65532", "--setgid", "65532")


def agent_pid(path: Path) -> int:
    """The agent's process as this machine numbers it."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        peer = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", peer)[0])

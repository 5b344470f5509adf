"""The files that a container sees: the host's, read-only, a /run of its own, and its volumes wherever they belong.

A volume may be mounted where the host has nothing, and the host's files are not ours to add to. So the nearest
directory that exists is replaced, for this container only, by one that holds the same entries (each bound from the
host, read-only as before) and has room for more. Runs in a forked child: standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from probe.sandbox import linux
from probe.sandbox.zygote.protocol import Mount

_IMAGE_DIRECTORY = "/run/cni-probe"
"""The agent image has it, for the control socket of an agent whose pod mounts no volume there."""
_STAGING = "/run/.cni-probe-room"
_HIDDEN = linux.MS_NOSUID | linux.MS_NODEV


def mount_all(mounts: Sequence[Mount]) -> None:
    """Make the calling process' new mount namespace the container's. Raises OSError."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("proc", "/proc", "proc", _HIDDEN | linux.MS_NOEXEC)
    # Opened before anything is covered: sources are below the sandbox's /run.
    sources = [os.open(mount.source, os.O_PATH | os.O_CLOEXEC) for mount in mounts]
    linux.make_read_only("/")
    linux.mount("tmpfs", "/run", "tmpfs", _HIDDEN, "mode=755,size=16m")
    os.mkdir(_IMAGE_DIRECTORY)
    ours = {os.stat("/run").st_dev, *(os.fstat(source).st_dev for source in sources)}
    for mount, source in zip(mounts, sources, strict=True):
        target = _mount_point(mount.target, os.path.isdir(f"/proc/self/fd/{source}"), ours)
        linux.mount(f"/proc/self/fd/{source}", target, flags=linux.MS_BIND)
        read_only = linux.MS_RDONLY if mount.read_only else 0
        linux.mount("none", target, flags=linux.MS_REMOUNT | linux.MS_BIND | _HIDDEN | read_only)
        os.close(source)


def _mount_point(path: str, directory: bool, ours: set[int]) -> str:
    """A directory or file to mount on, made if need be; symbolic links (``/var/run``) lead where they lead.

    ``ours`` are the file systems (st_dev) that may be written to: never the host's, read-only or not.
    """
    target = os.path.realpath(path)
    if os.path.exists(target):
        if os.path.isdir(target) != directory:
            raise OSError(0, f"cannot mount on {path}: one is a directory, the other a file")
        return target
    base = os.path.dirname(target)
    while not os.path.isdir(base):
        base = os.path.dirname(base)
    if os.stat(base).st_dev not in ours or not os.access(base, os.W_OK):
        _make_room(base)
        ours.add(os.stat(base).st_dev)
    os.makedirs(target if directory else os.path.dirname(target), exist_ok=True)
    if not directory:
        _touch(target)
    return target


def _make_room(base: str) -> None:
    """Replace a directory by one with the same entries that can take more."""
    os.mkdir(_STAGING)
    linux.mount("tmpfs", _STAGING, "tmpfs", _HIDDEN, "mode=755,size=1m")
    with os.scandir(base) as entries:
        for entry in entries:
            copy = f"{_STAGING}/{entry.name}"
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), copy)
                continue
            if entry.is_dir():
                os.mkdir(copy)
            else:
                _touch(copy)
            linux.mount(entry.path, copy, flags=linux.MS_BIND | linux.MS_REC)
    if base == "/":
        _become_root()
    else:
        linux.mount(_STAGING, base, flags=linux.MS_MOVE)
    os.rmdir(_STAGING)


def _become_root() -> None:
    """Put the staged directory over the root, and go there. Whoever enters the mount namespace finds the topmost."""
    os.chdir(_STAGING)
    linux.mount(".", "/", flags=linux.MS_MOVE)
    os.chroot(".")
    os.chdir("/")
    linux.umount(_STAGING)  # /run was bound with all that is mounted in it


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))

"""A thread that lives in a network namespace, and its netlink socket.

Sockets belong to the namespace of the thread that opens them, so whatever concerns a namespace's network is done
by a thread in it: links and routes here, nftables in `probe.sandbox.enforce`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from pyroute2 import IPRoute

from probe.sandbox import linux

T = TypeVar("T")


class NetnsThread:
    """One thread in one network namespace; work is done in the order it was asked for."""

    def __init__(self, name: str, netns: int) -> None:
        """Takes over ``netns``, a file descriptor; ``close`` closes it."""
        self.name = name
        self.netns = netns
        self._routes = threading.local()
        enter = partial(linux.setns, netns, linux.CLONE_NEWNET)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"netns-{name}", initializer=enter)

    async def run(self, fn: Callable[[], T]) -> T:
        """Run ``fn`` in the thread; its result or exception is the call's."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, fn)

    async def netlink(self, fn: Callable[[IPRoute], T]) -> T:
        """Run ``fn`` in the thread with the thread's route socket, which is opened once."""
        return await self.run(lambda: fn(self._iproute()))

    def _iproute(self) -> IPRoute:
        ipr: IPRoute | None = getattr(self._routes, "ipr", None)
        if ipr is None:
            ipr = self._routes.ipr = IPRoute()
        return ipr

    async def close(self) -> None:
        """Wait for the work at hand, then end the thread and let go of the namespace."""
        await self.run(self._close_socket)
        self._executor.shutdown()
        os.close(self.netns)

    def _close_socket(self) -> None:
        if hasattr(self._routes, "ipr"):
            self._routes.ipr.close()


def sysctl(settings: dict[str, str]) -> None:
    """Write network sysctls (``net.ipv4.ip_forward``) of the calling thread's network namespace. Raises OSError."""
    for key, value in settings.items():
        sysctl_path(key).write_text(value)


def sysctl_path(key: str) -> Path:
    """The file of a sysctl; dots and slashes may be swapped, as sysctl(8) has it for interface names."""
    return Path("/proc/sys", key if "/" in key else key.replace(".", "/"))


def sysctl_if_present(settings: dict[str, str]) -> None:
    """As `sysctl`, skipping what this kernel does not have or does not let a user namespace change."""
    for key, value in settings.items():
        try:
            sysctl_path(key).write_text(value)
        except (FileNotFoundError, PermissionError):
            continue

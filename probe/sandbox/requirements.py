"""What this machine needs for the sandbox, checked all at once, each with what to install or enable."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from probe.model.errors import MissingRequirement

OLDEST_LINUX = (5, 9)
"""setns(2) with a pidfd, by which an exec joins a container."""

_CAP_SYS_ADMIN = 21

UNSHARE_FLAGS = ("--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
USER_NAMESPACE_FLAGS = ("--user", "--map-root-user")


def unshare_command() -> list[str]:
    """The command that puts what follows into namespaces of its own, as root of them."""
    user = () if _may_unshare() else USER_NAMESPACE_FLAGS
    return [shutil.which("unshare", path=_search_path()) or "unshare", *user, *UNSHARE_FLAGS, "--"]


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _may_unshare() -> bool:
    """Whether this process may make namespaces without a user namespace (root, and not in a lesser container)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return os.geteuid() == 0 and bool(int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1)
    return False


def check_host() -> None:
    """Everything that can be told from outside the sandbox. Raises MissingRequirement, which lists all."""
    if sys.platform != "linux":
        raise MissingRequirement(
            f"the sandbox needs Linux: it is made of network namespaces and nftables, which {sys.platform} does not "
            "have. Run it in a Linux virtual machine, or point `cni-probe run` at a cluster with --kubeconfig"
        )
    tool = _check_unshare()
    trial = None if tool else _check_namespaces()
    raise_missing(filter(None, (_check_release(), _check_place(), tool, _check_libnftables(), trial)))


def raise_missing(problems: Iterable[str]) -> None:
    """Raise MissingRequirement when there is anything to say."""
    listed = list(problems)
    if listed:
        what = "\n".join(f"  - {problem}" for problem in listed)
        raise MissingRequirement(f"the sandbox cannot run on this machine yet:\n{what}")


def _check_release() -> str | None:
    numbers = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    if numbers < OLDEST_LINUX:
        return f"Linux {platform.release()} is too old: the sandbox needs {'.'.join(map(str, OLDEST_LINUX))} or newer"
    return None


def _check_place() -> str | None:
    for path in (sys.prefix, __file__):
        if Path(path).resolve().is_relative_to("/run"):
            return f"{path} lies below /run, which the sandbox has for itself: install cni-probe somewhere else"
    return None


def _check_unshare() -> str | None:
    install = "Debian, Ubuntu and Fedora: util-linux; Alpine: util-linux-misc"
    path = shutil.which("unshare", path=_search_path())
    if path is None:
        return f"the command unshare is missing: install it ({install})"
    text = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    if "--kill-child" not in text.stdout + text.stderr:
        return f"{path} is not util-linux's (it has no --kill-child): install that ({install})"
    return None


def _check_libnftables() -> str | None:
    try:
        ctypes.CDLL("libnftables.so.1")
    except OSError:
        return (
            "the library libnftables.so.1 is missing: install it "
            "(Debian and Ubuntu: libnftables1; Fedora and Alpine: nftables)"
        )
    return None


def _check_namespaces() -> str | None:
    trial = subprocess.run([*unshare_command(), "true"], capture_output=True, text=True, check=False)
    if trial.returncode == 0:
        return None
    why = trial.stderr.strip().splitlines()[-1:] or [f"exit code {trial.returncode}"]
    return f"namespaces cannot be made ({why[0]}): {_advice()}"


def _advice() -> str:
    for path, wrong, advice in (
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        try:
            value = Path("/proc/sys", path).read_text().strip()
        except OSError:
            continue
        if value == wrong:
            return f"user namespaces are turned off for normal users; turn them on with `{advice}`, or run as root"
    return (
        "run as root, or in a container with --privileged; "
        "the kernel needs CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS"
    )


def check_kernel() -> None:
    """What can only be told inside the sandbox's namespaces. Raises MissingRequirement, which lists all."""
    from pyroute2 import IPRoute

    def link(kind: str) -> Callable[[], None]:
        def attempt() -> None:
            with IPRoute() as ipr:
                ipr.link("add", kind=kind, ifname="trial")
                ipr.link("del", ifname="trial")

        return attempt

    problems = []
    for what, module, attempt in (
        ("veth links", "veth", link("veth")),
        ("bridges", "bridge", link("bridge")),
        ("nf_tables", "nf_tables", _try_nftables),
    ):
        reason = _failure(attempt)
        if reason:
            problems.append(f"this kernel has no {what} ({reason}): sudo modprobe {module}, or a kernel that has it")
    raise_missing(problems or _missing_of_nftables())


def _missing_of_nftables() -> list[str]:
    from probe.sandbox.enforce.features import missing
    from probe.sandbox.enforce.nft import NftLibrary

    with NftLibrary().open() as nft:
        return [f"this kernel lacks a part of nf_tables: {part}" for part in missing(nft)]


def _failure(attempt: Callable[[], None]) -> str:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        attempt()
    except (NetlinkError, OSError) as error:
        return str(error)
    return ""


def _try_nftables() -> None:
    from probe.sandbox.enforce.nft import NftError, NftLibrary

    try:
        with NftLibrary().open() as nft:
            nft.run("add table inet trial; delete table inet trial")
    except NftError as error:
        raise OSError(str(error)) from error

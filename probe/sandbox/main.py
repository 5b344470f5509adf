"""PID 1 of the sandbox: builds the cluster in its fresh namespaces, says that it is ready, and stays until asked to go.

Started by `probe.sandbox.launch` as ``python -m probe.sandbox.main CONTROL LISTENER STATE LOCK``: file descriptors of
the control socket, the API's listening socket (on the host's loopback), the state directory, and the lock that says
on the host that this sandbox lives (held, never used).

When any part fails all of it goes down: a cluster that half works would be measured, and believed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from probe.model.cell import Family
from probe.model.errors import CniProbeError, MissingRequirement
from probe.sandbox import linux
from probe.sandbox.api.app import serve
from probe.sandbox.api.context import KUBERNETES_VERSION
from probe.sandbox.api.credentials import Credentials, write_kubeconfig
from probe.sandbox.api.resources import SERVED, WITHOUT_CLUSTER_POLICIES
from probe.sandbox.api.tokens import Tokens
from probe.sandbox.controllers.clusterservices import api_address, create_api_service
from probe.sandbox.controllers.namespaces import create_first_namespaces
from probe.sandbox.controllers.run import run_controllers
from probe.sandbox.dns.addon import DOMAIN, ClusterDns, nameservers
from probe.sandbox.kubelet.cluster import ClusterFacts
from probe.sandbox.machine import machine
from probe.sandbox.net.plan import UNDERLAY
from probe.sandbox.options import DEFAULT_NAME, SandboxOptions
from probe.sandbox.orders.disturb import Disturbances
from probe.sandbox.orders.server import order_socket, take_orders
from probe.sandbox.requirements import check_kernel
from probe.sandbox.state import remove_in
from probe.sandbox.store import Store

INNER_PORT = 6443
"""Of the API server as pods reach it (behind 443 of the service ``kubernetes``)."""

DESCRIPTORS = 65536
"""Three or four per pod and exec, and as many as an agent may want for its sockets."""


async def _run(control: socket.socket, listener: socket.socket, orders: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    order = json.loads(await loop.sock_recv(control, 64 * 1024))
    options = SandboxOptions.from_json(order["options"])
    async with _cluster(options, listener, orders) as ready:
        await loop.sock_sendall(control, json.dumps(ready).encode())
        if not order["detached"]:
            # The other end is in the process that wants this sandbox: when it is gone, however it went, so are we.
            loop.add_reader(control, stop.set)
        await stop.wait()
        loop.remove_reader(control)


@asynccontextmanager
async def _cluster(
    options: SandboxOptions, listener: socket.socket, orders: socket.socket
) -> AsyncIterator[dict[str, Any]]:
    store = Store()
    credentials = Credentials.make()
    tokens = Tokens(store, credentials.token)
    server = f"https://127.0.0.1:{listener.getsockname()[1]}"
    families = options.families
    facts = ClusterFacts(api_address(families), nameservers(families), DOMAIN, tokens.issue)
    async with (
        machine(store, options, f"v{KUBERNETES_VERSION}.0", facts) as made,
        asyncio.TaskGroup() as group,
    ):
        create_first_namespaces(store)
        dns = ClusterDns(store, families)
        tasks = [group.create_task(run) for run in (run_controllers(store, ca=credentials.ca.decode()), dns.run())]
        inside = _inner_listener(families[0])
        api = await serve(
            store,
            made.kubelets,
            listeners=(listener, inside),
            ssl_context=credentials.server_context(),
            tokens=tokens,
            families=families,
            served=SERVED if options.cluster_policies else WITHOUT_CLUSTER_POLICIES,
        )
        create_api_service(store, families, *inside.getsockname()[:2])
        try:
            await dns.ready()
            tasks.append(group.create_task(take_orders(orders, Disturbances(made, api).do)))
            yield {"server": server, "kubeconfig": _kubeconfig(options, credentials, server)}
        finally:
            await api.close()
            for task in tasks:
                task.cancel()


def _inner_listener(family: Family) -> socket.socket:
    """Where pods reach the API server: the underlay's own address, to which every node has a route."""
    kind = socket.AF_INET6 if family is Family.IPV6 else socket.AF_INET
    return socket.create_server((str(UNDERLAY[family][1]), INNER_PORT), family=kind, backlog=1024)


def _kubeconfig(options: SandboxOptions, credentials: Credentials, server: str) -> str:
    path = Path("/run/kubeconfig")  # in our own tmpfs; the host's side has the real place
    write_kubeconfig(path, credentials, server=server, sandbox=options.name or DEFAULT_NAME)
    return path.read_text()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors inside exception groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _report(control: socket.socket, error: BaseException) -> None:
    """To the log, and to whoever still waits for us to be ready."""
    traceback.print_exception(error)
    errors = list(_leaves(error))
    known = [str(leaf) for leaf in errors if isinstance(leaf, CniProbeError)]
    message = "\n".join(known or [f"{type(leaf).__name__}: {leaf}" for leaf in errors])
    missing = any(isinstance(leaf, MissingRequirement) for leaf in errors)
    try:
        control.send(json.dumps({"error": message, "missing": missing}).encode())
    except OSError:
        return  # nobody waits any more


def _prepare() -> None:
    """What concerns the whole process: open files, and a /run of its own that goes with the mount namespace."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")


def main() -> int:
    """Run the sandbox; 0 when it was asked to end."""
    control_fd, listener_fd, state, lock = map(int, sys.argv[1:])
    for fd in (control_fd, listener_fd, state, lock):
        os.set_inheritable(fd, False)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    with socket.socket(fileno=control_fd) as control, socket.socket(fileno=listener_fd) as listener:
        control.setblocking(False)
        listener.setblocking(False)
        try:
            _prepare()
            check_kernel()
            with order_socket(state) as orders:
                asyncio.run(_run(control, listener, orders))
        except BaseException as error:  # noqa: BLE001 - reported, and the end of everything
            _report(control, error)
            return 1
    remove_in(state)
    return 0


if __name__ == "__main__":
    sys.exit(main())

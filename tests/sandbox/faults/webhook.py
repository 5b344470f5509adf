"""A policy admission webhook that refuses every NetworkPolicy, beside the sandbox's API server.

The sandbox has no way out of its network, so the webhook runs as a process in it: ``python -m
tests.sandbox.faults.webhook`` says on stdout where it is and whom to trust, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.sandbox.api.webhook import CONFIGURATIONS, denied, rule, webhook_server
from tests.sandbox.run.conftest import Cluster

MESSAGE = "policies need an owner"


@asynccontextmanager
async def refusing_policies(cluster: Cluster, sandbox_pid: int) -> AsyncIterator[None]:
    """The webhook, asked for what cni-probe's namespaces get, for as long as the block."""
    enter = ["nsenter", "--target", str(sandbox_pid), "--net"]
    if os.geteuid() != 0:
        enter += ["--user", "--preserve-credentials"]
    process = await asyncio.create_subprocess_exec(
        *enter, sys.executable, "-m", "tests.sandbox.faults.webhook",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    configuration = json.loads(await process.stdout.readline())
    cluster.request("POST", CONFIGURATIONS, configuration)
    try:
        yield
    finally:
        cluster.request("DELETE", f"{CONFIGURATIONS}/{configuration['metadata']['name']}")
        process.stdin.close()
        await process.wait()


async def main() -> None:
    """Serve until stdin ends."""
    async with webhook_server() as webhook:
        webhook.decide = lambda request: denied(MESSAGE)
        selector = {"matchLabels": {"app.kubernetes.io/managed-by": "cni-probe"}}
        policies = rule("networkpolicies", "CREATE UPDATE", "networking.k8s.io")
        print(json.dumps(webhook.configuration(policies, namespaceSelector=selector)), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

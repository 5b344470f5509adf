"""One sandbox for all tests of this folder, and what they do with it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from probe.model.errors import MissingRequirement
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.sandbox.kube import Kube
from tests.sandbox.processes import process_of_agent

_SERIAL = itertools.count(1)


@pytest.fixture(scope="session")
def state_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this session's sandboxes keep their state, so that they never meet those of the user."""
    path = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(path))
        yield path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(state_directory: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of two nodes with IPv4. Tests share it: each works in namespaces of its own."""
    try:
        async with Sandbox.start(SandboxOptions()) as running:
            yield running
    except MissingRequirement as missing:
        pytest.skip(str(missing))


@pytest_asyncio.fixture
async def kube(sandbox: Sandbox) -> AsyncIterator[Kube]:
    """A client of the shared sandbox."""
    async with Kube.connect(sandbox.kubeconfig) as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube: Kube) -> AsyncIterator[str]:
    """A namespace of the test's own, which ends with it."""
    name = f"test-{next(_SERIAL)}"
    await kube.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    await kube.ok("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def agent_pid(sandbox: Sandbox) -> Callable[[str], int]:
    """The process, as the host numbers it, of the agent in the pod with a uid: a pod's PID 1 cannot be killed from
    within the pod, so tests that do it harm need this number."""

    return partial(process_of_agent, sandbox.pid)

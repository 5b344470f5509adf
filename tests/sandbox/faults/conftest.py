"""A hand on the shared sandbox, for faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from probe.sandbox.launch import Sandbox
from tests.sandbox.run.conftest import Cluster


@pytest.fixture
def cluster(sandbox: Sandbox, agent_pid: Callable[[str], int]) -> Cluster:
    return Cluster(sandbox.kubeconfig, agent_pid)

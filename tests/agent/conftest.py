"""A serving agent per test, on ports that are free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.support import RunningAgent, free_port, serving


@dataclass(frozen=True)
class Ports:
    """The ports of the ``agent`` fixture."""

    tcp: int
    udp: int


@pytest.fixture
def ports() -> Ports:
    """Ports that are free now."""
    return Ports(free_port(), free_port())


@pytest.fixture
def agent(tmp_path: Path, ports: Ports) -> Iterator[RunningAgent]:
    """An agent that serves one TCP and one UDP port."""
    with serving(tmp_path / "agent.sock", [f"{ports.tcp}/TCP", f"{ports.udp}/UDP"]) as agent:
        yield agent

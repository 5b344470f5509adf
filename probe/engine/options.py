"""What a run may be told: how hard it probes, what it leaves behind, which image it uses."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from probe.cluster.objects import AgentImage
from probe.engine.agents import Pace

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_run_id() -> str:
    """Six characters that may stand in a namespace's name (RFC 1123 label)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    ``keep`` leaves the fleets in the cluster; ``exact_namespaces`` uses the scenario's namespace names as they are;
    ``kubectl`` is how repeat commands begin (``kubectl --context ...``).
    """

    run: str = field(default_factory=new_run_id)
    image: AgentImage = AgentImage()
    pace: Pace = Pace()
    keep: bool = False
    exact_namespaces: bool = False
    kubectl: str = "kubectl"

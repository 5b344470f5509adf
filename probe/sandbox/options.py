"""What one can choose about an embedded cluster; plain data that goes from the command line to PID 1."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from probe.model.cell import Family
from probe.model.errors import UsageError

DEFAULT_NAME = "default"
MAX_NODES = 50


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """An embedded cluster.

    ``name``: None for one that lives as long as its parent's block. ``families``: the first is the primary one.
    ``enforce`` off: a CNI that ignores NetworkPolicy (services still work), the negative control.
    ``cluster_policies`` off: the cluster lacks the kinds of policy.networking.k8s.io, as most do.
    ``fault``: what breaks its enforcement on purpose, as ``faults.registry.load_fault`` takes it.
    ``kubeconfig``: where to write it; default: in the state directory.
    """

    name: str | None = None
    nodes: int = 2
    families: tuple[Family, ...] = (Family.IPV4,)
    enforce: bool = True
    deny_with: Literal["drop", "reject"] = "drop"
    cluster_policies: bool = True
    fault: str | None = None
    kubeconfig: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if not 1 <= self.nodes <= MAX_NODES:
            raise UsageError(f"a sandbox has 1 to {MAX_NODES} nodes, not {self.nodes}")
        if self.name is not None and not (
            self.name.replace("-", "").isalnum()
            and self.name.isascii()
            and self.name.islower()
            and len(self.name) <= 40
        ):
            raise UsageError(f"a sandbox's name is made of a-z, 0-9 and -, at most 40 characters: not {self.name!r}")

    def to_json(self) -> str:
        """For `from_json` on the other side."""
        return json.dumps(asdict(self) | {"kubeconfig": str(self.kubeconfig) if self.kubeconfig else None})

    @classmethod
    def from_json(cls, text: str) -> SandboxOptions:
        """The options that `to_json` wrote."""
        data = json.loads(text)
        kubeconfig = Path(data["kubeconfig"]) if data["kubeconfig"] else None
        return cls(**data | {"families": tuple(map(Family, data["families"])), "kubeconfig": kubeconfig})

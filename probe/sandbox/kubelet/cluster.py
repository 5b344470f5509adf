"""What kubelets are told about their cluster: where the API server and the name servers are, who issues tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from probe.sandbox.store import Obj


class TokenIssuer(Protocol):
    """`probe.sandbox.api.tokens.Tokens.issue`."""

    def __call__(
        self, namespace: str, account: str, pod: Obj | None = None, *, seconds: int = ..., audiences: Sequence[str] = ()
    ) -> str:
        """A token of a service account, bound to a pod. Raises NotFound for the account."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """``api``: address of the service ``default/kubernetes``; ``nameservers`` those of pods with dnsPolicy
    ClusterFirst, the first preferred."""

    api: str
    nameservers: tuple[str, ...]
    domain: str
    issue: TokenIssuer

    @property
    def environment(self) -> Mapping[str, str]:
        """What every container finds in its environment, as in-cluster clients expect it."""
        port = "443"
        return {
            "KUBERNETES_SERVICE_HOST": self.api,
            "KUBERNETES_SERVICE_PORT": port,
            "KUBERNETES_SERVICE_PORT_HTTPS": port,
        }

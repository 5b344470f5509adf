"""The unit of everything measured: a cell, what is expected of it, what was seen, and the verdict.

Verdicts are named values, never booleans, so that "could not tell" can never be mistaken for "blocked".
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class Protocol(enum.StrEnum):
    """Transport protocols of NetworkPolicyPort.protocol (core/v1 Protocol)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Family(enum.StrEnum):
    """Address families, spelt as core/v1 IPFamily."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


class Path(enum.StrEnum):
    """The way a probe takes. Probed apart, so that a service-proxy fault is not blamed on policy."""

    POD_IP = "pod-ip"
    CLUSTER_IP = "cluster-ip"
    NODE_PORT = "node-port"
    NODE_IP = "node-ip"
    EXTERNAL = "external"
    DNS = "dns"

    @property
    def rewrites_source(self) -> bool:
        """Whether nodes may rewrite the source address on this path, so that the API leaves open what a policy sees."""
        return self in (Path.NODE_PORT, Path.NODE_IP)


class Via(enum.StrEnum):
    """Which of several ways of the same path; empty where a path has one."""

    ONLY = ""
    SAME_PORT = "same-port"  # cluster-ip: the service's port has the number of its targetPort
    OTHER_PORT = "other-port"  # cluster-ip: it has another number, and a named port's name for its targetPort
    CLUSTER = "cluster"  # node-port: externalTrafficPolicy Cluster, through the destination's own node
    OTHER_NODE = "other-node"  # node-port: externalTrafficPolicy Cluster, through a node without the destination
    LOCAL = "local"  # node-port: externalTrafficPolicy Local, through the destination's own node
    ESTABLISHED = "established"  # no way of its own: over a connection that was open before the step's changes
    START = "start"  # no way of its own: in the first moments of a pod

    @property
    def is_way(self) -> bool:
        """Whether it is a way, and not a time: such cells say nothing of how long the step's changes took."""
        return self not in (Via.ESTABLISHED, Via.START)


WAYS: dict[Path, tuple[Via, ...]] = dict.fromkeys(Path, (Via.ONLY,)) | {
    Path.CLUSTER_IP: (Via.SAME_PORT, Via.OTHER_PORT),
    Path.NODE_PORT: (Via.CLUSTER, Via.OTHER_NODE, Via.LOCAL),
}
"""The ways of each path, by which a cell can be tried."""


class Expectation(enum.StrEnum):
    """What a scenario expects of a cell. ``deny`` accepts a drop and a reject alike."""

    ALLOW = "allow"
    DENY = "deny"
    DROP = "drop"
    REJECT = "reject"
    EITHER = "either"

    @property
    def denies(self) -> bool:
        """Whether the expectation is that no traffic gets through."""
        return self in (Expectation.DENY, Expectation.DROP, Expectation.REJECT)


class Fate(enum.StrEnum):
    """What is expected of a connection that was open before a change after which a new one is denied. The API leaves it
    open (Kubernetes documentation, Network Policies: "Pod lifecycle")."""

    EITHER = "either"
    CUT = "cut"
    KEPT = "kept"


class Computed(enum.StrEnum):
    """Instead of an expectation: whatever the step's policies say, as far as the API leaves nothing open."""

    COMPUTED = "computed"


Stated: TypeAlias = Expectation | Computed
"""What a scenario can state."""


class Outcome(enum.StrEnum):
    """What one attempt saw."""

    CONNECTED = "connected"
    TIMED_OUT = "timed-out"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    WRONG_RESPONDER = "wrong-responder"
    UNRESOLVED = "unresolved"
    AGENT_ERROR = "agent-error"
    UNSUPPORTED = "unsupported"

    @property
    def is_rejection(self) -> bool:
        """Whether something answered "no": RST, or an ICMP error."""
        return self in (Outcome.REFUSED, Outcome.RESET, Outcome.UNREACHABLE)

    @property
    def is_denial(self) -> bool:
        """Whether it looks like a policy's work: a silent drop or a rejection."""
        return self is Outcome.TIMED_OUT or self.is_rejection


class Verdict(enum.StrEnum):
    """The judgement of a cell in a step."""

    PASS = "pass"
    LEAK = "leak"  # expected a denial, traffic got through
    BLOCKED = "blocked"  # expected allow, it did not get through
    MISROUTED = "misrouted"  # somebody else answered
    WRONG_DENIAL = "wrong-denial"  # denied, but dropped where a reject was asked for, or the reverse
    KNOWN = "known-failure"  # something else than expected, but a list of known failures has it
    INCONCLUSIVE = "inconclusive"  # the evidence does not carry a verdict: an error, never a pass
    UNSUPPORTED = "unsupported"  # cannot be tried here (SCTP without kernel support, ...)
    UNDEFINED = "undefined"  # the API leaves it open; what was seen is recorded

    @property
    def is_mismatch(self) -> bool:
        """Whether the cluster did something else than expected (exit code 1)."""
        return self in (Verdict.LEAK, Verdict.BLOCKED, Verdict.MISROUTED, Verdict.WRONG_DENIAL)


class ExitCode(enum.IntEnum):
    """Exit codes of every command."""

    PASSED = 0
    MISMATCH = 1
    USAGE = 2
    HARNESS = 3
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One thing to try: from a pod to a port of a pod or an external endpoint, over one family and path.

    ``source`` and ``destination`` are logical: ``namespace/pod``, ``external/name`` or ``cluster/dns``. ``port`` is the
    destination's own (behind a service: the target port, which is what a policy sees). ``address`` is set only where
    the destination is an address that the scenario states (an external endpoint's).
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family = Family.IPV4
    path: Path = Path.POD_IP
    address: str | None = None
    via: Via = Via.ONLY

    @property
    def is_self(self) -> bool:
        """Whether a pod talks to itself, which no policy may deny (by its own address)."""
        return self.source == self.destination

    @property
    def way(self) -> str:
        """How scenarios call the path and its variant: ``pod-ip``, ``cluster-ip/other-port``."""
        return f"{self.path}/{self.via}" if self.via else str(self.path)

    def __str__(self) -> str:
        via = "" if self.path in (Path.POD_IP, Path.EXTERNAL, Path.DNS) else f" via {self.way}"
        if not self.via.is_way:
            via = f" {self.via}"
        family = " IPv6" if self.family is Family.IPV6 else ""
        address = f" ({self.address})" if self.address else ""
        return f"{self.source} -> {self.destination}{address} {self.port}/{self.protocol}{family}{via}"

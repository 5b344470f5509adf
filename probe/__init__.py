"""cni-probe: proves with real packets that a cluster enforces its NetworkPolicies."""

__version__ = "0.1.0"

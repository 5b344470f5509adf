"""What an errno says about the network: the names of outcomes, and which error means which.

Whatever is not known to come from the network is ``agent-error``: it must never look like a denial.
"""

from __future__ import annotations

import errno
from typing import Final

CONNECTED: Final = "connected"
TIMED_OUT: Final = "timed-out"
REFUSED: Final = "refused"
RESET: Final = "reset"
UNREACHABLE: Final = "unreachable"
WRONG_RESPONDER: Final = "wrong-responder"
UNRESOLVED: Final = "unresolved"
AGENT_ERROR: Final = "agent-error"
UNSUPPORTED: Final = "unsupported"

_FROM_NETWORK: Final = {
    # RST to a SYN, or ICMP port unreachable.
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.ECONNABORTED: RESET,
    errno.EPIPE: RESET,
    # ICMP destination unreachable of all codes, as the kernel translates them. ICMP "administratively prohibited"
    # is EHOSTUNREACH over IPv4, but EACCES over IPv6; "protocol unreachable" is ENOPROTOOPT.
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.ENETUNREACH: UNREACHABLE,
    errno.EHOSTDOWN: UNREACHABLE,
    errno.ENONET: UNREACHABLE,
    errno.ENOPROTOOPT: UNREACHABLE,
    errno.EACCES: UNREACHABLE,
    # A filter in the pod's own output path (nftables output hook, eBPF on the cgroup) forbade this packet: an
    # explicit "no" that the sender is told. A seccomp profile that forbids connect() looks the same, but then the
    # pair never connected in the baseline either, so it cannot earn a pass.
    errno.EPERM: UNREACHABLE,
    errno.ETIMEDOUT: TIMED_OUT,
}

AFTER_HANDSHAKE: Final = frozenset((errno.ECONNRESET, errno.EPIPE))
"""What a connect that is under way may end with although its handshake was completed, so that packets did pass: a RST
that comes before that is ECONNREFUSED (Linux, tcp_reset()). None of these may pass for a denial."""

_NO_SUCH_SOCKET: Final = frozenset((errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EPROTOTYPE))


def name(code: int) -> str:
    """``ECONNREFUSED`` for its number."""
    return errno.errorcode.get(code, f"errno {code}")


def of_network(code: int) -> str:
    """The outcome of an error that connect, send or receive ended with."""
    return _FROM_NETWORK.get(code, of_socket(code))


def of_socket(code: int) -> str:
    """The outcome of an error that making or binding a socket ended with: never the network's doing."""
    return UNSUPPORTED if code in _NO_SUCH_SOCKET else AGENT_ERROR

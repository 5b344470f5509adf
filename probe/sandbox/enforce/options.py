"""Where the API leaves room, and what to do there."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Deny(enum.StrEnum):
    """How a denial looks to the sender. Both are denials to the API."""

    DROP = "drop"
    REJECT = "reject"


class Established(enum.StrEnum):
    """What a policy change means for connections that are open. The API leaves it open."""

    CUT = "cut"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Options:
    """``policies`` off is a CNI that ignores NetworkPolicy (services still work)."""

    deny: Deny = Deny.DROP
    established: Established = Established.CUT
    policies: bool = True


DEFAULTS = Options()

"""How much an API connection's exec streams carried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Bytes of the messages on all ``pods/exec`` streams of a connection (payloads, without framing and TLS)."""

    received: int = 0
    sent: int = 0

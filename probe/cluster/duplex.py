"""The seam between the agents' protocol and whatever carries its bytes: a WebSocket exec, a subprocess, a socket."""

from __future__ import annotations

from typing import Protocol


class Duplex(Protocol):
    """Bytes in both directions to one running relay."""

    async def read(self) -> bytes:
        """The next bytes, of any length; ``b""`` once the other side has ended or the carrier broke."""

    async def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises OSError or ClusterError when the carrier is gone."""

    async def aclose(self) -> None:
        """Close both directions; may be called twice."""

    def why(self) -> str:
        """What is known so far about an end: stderr, an exit status; empty if nothing."""

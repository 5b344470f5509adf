"""The receipt log: which requests arrived here, so that "it never arrived" and "the reply was lost" are told apart."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from . import wire

CAPACITY: Final = 16_384

Found: TypeAlias = tuple[str, str, float, int, str]
"""nonce, source ``ip:port``, unix time in seconds, port, protocol."""

Tap: TypeAlias = Callable[[str, str], None]
"""Takes the nonce and the source ``ip:port`` of a request that has just arrived."""


class Receipts:
    """A ring of the latest requests.

    An entry is one string, not a tuple of five objects: a full ring takes 2 MB instead of 5. Looking up reads the
    whole ring, some milliseconds, which is fine for what is asked once a step.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lines: deque[str] = deque(maxlen=capacity)
        self._total = 0
        self._taps: dict[str, Tap] = {}

    @property
    def total(self) -> int:
        """How many requests have arrived since the start."""
        return self._total

    @property
    def overwritten(self) -> int:
        """How many receipts the ring has lost since the start: those of the first requests."""
        return self._total - len(self._lines)

    def add(self, nonce: str, ip: str, source_port: int, port: int, protocol: str) -> None:
        """Note that a request arrived just now."""
        self._total += 1
        self._lines.append(f"{nonce} {ip} {source_port} {time.time():.6f} {port} {protocol}")
        for mark, tap in self._taps.items():
            if nonce.startswith(mark):
                tap(nonce, wire.endpoint(ip, source_port))

    def tap(self, mark: str, tap: Tap) -> None:
        """Tell ``tap`` of every request whose nonce begins with ``mark``, from now on."""
        self._taps[mark] = tap

    def untap(self, mark: str) -> None:
        """No more."""
        self._taps.pop(mark, None)

    def find(self, nonces: Collection[str]) -> list[Found]:
        """The first receipt of each nonce that has one (a UDP request may be sent, and arrive, several times)."""
        wanted = set(nonces)
        found: list[Found] = []
        for line in self._lines:
            if not wanted:
                break
            nonce = line[: line.index(" ")]
            if nonce in wanted:
                wanted.discard(nonce)
                _, ip, source_port, at, port, protocol = line.split(" ")
                found.append((nonce, wire.endpoint(ip, source_port), float(at), int(port), protocol))
        return found

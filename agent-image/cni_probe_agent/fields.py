"""The fields of control frames: what they must be, and what the sender is told when they are not (BadFrame)."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from . import dns
from .dialer import Target
from .session import BadFrame

MAX_TARGETS_PER_FRAME: Final = 4096  # a whole line of them would take 10 MB to read


def text_of(frame: dict[str, Any], key: str, default: str | None = None) -> str:
    """A string."""
    value = frame.get(key, default)
    if not isinstance(value, str) or len(value) > 200:
        refuse(key, "a string of at most 200 characters")
    return value


def number_of(frame: dict[str, Any], key: str, default: float | None = None) -> float:
    """A number that is not negative."""
    value = frame.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        refuse(key, "a number, not negative")
    return value


def list_of(frame: dict[str, Any], key: str, length: int | None = None) -> list[Any]:
    """A list, if given of that length."""
    value = frame.get(key)
    if not isinstance(value, list):
        refuse(key, "a list")
    if length is not None and len(value) != length:
        refuse(key, f"a list of {length}")
    return value


def targets_of(frame: dict[str, Any]) -> list[Target]:
    """The rows of ``targets``."""
    rows = list_of(frame, "targets")
    if len(rows) > MAX_TARGETS_PER_FRAME:
        raise BadFrame(f"targets: at most {MAX_TARGETS_PER_FRAME} a frame: send them in parts, with first and total")
    return [_target(row) for row in rows]


def _target(row: Any) -> Target:
    match row:
        case [str(address), int(port), "TCP" | "UDP" | "SCTP" as protocol] if 1 <= port <= 65535 and port is not True:
            return Target(address, port, protocol)
        case [str(address), int(port), "TCP" | "UDP" as protocol, str(query)] if (
            1 <= port <= 65535 and port is not True and dns.valid_name(query)
        ):
            return Target(address, port, protocol, query)
        case _:
            raise BadFrame("targets: must be rows of address, port (1 to 65535), TCP, UDP or SCTP, and for DNS a name")


def refuse(key: str, wanted: str) -> NoReturn:
    """Raises BadFrame."""
    raise BadFrame(f"{key}: must be {wanted}")

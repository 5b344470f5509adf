"""Commands for people and probes: ``ready`` asks the running agent, ``dial`` tries one target by itself."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, Final

from . import outcome, relay, sockets
from .control import VERSION
from .dialer import Dialer, Result, Target
from .listeners import PortSpec
from .reactor import Reactor

_READY_SECONDS: Final = 2.0


def ready(path: str) -> int:
    """0 when the agent answers ``hello`` and lists its listeners, else 1 and a reason on stderr."""
    try:
        with relay.connect(path, 0.0) as sock:
            sock.settimeout(_READY_SECONDS)
            sock.sendall(json.dumps({"v": VERSION, "op": "hello", "session": "", "ack": 0}).encode() + b"\n")
            with sock.makefile("rb") as lines:
                hello: dict[str, Any] = json.loads(lines.readline() or b"{}")
            states = hello["listeners"]
    except (OSError, ValueError, KeyError) as error:
        print(f"not ready: {path}: {error}", file=sys.stderr)
        return 1
    for state in states:
        print(f"{state['port']}/{state['protocol']} {state['family']}: {state['error'] or 'listening'}")
    return 0


def dial(host: str, port: PortSpec, timeout: float, query: str = "") -> int:
    """Try one target (an address, or a name, which is resolved first) and print what came of it; 0: connected.

    With ``query`` it is a nameserver, and is asked for that name.
    """
    address = _resolve(host)
    if address is None:
        print(f"{outcome.UNRESOLVED} {host}: no address found")
        return 1
    results: list[Result] = []

    async def once() -> None:
        target = Target(address, port.port, port.protocol, query)
        results.append(await Dialer().dial(target, f"hand.{os.urandom(8).hex()}", timeout))

    Reactor().run(once())
    (result,) = results
    print(_line(address, port, result))
    return 0 if result.outcome == outcome.CONNECTED else 1


def _resolve(host: str) -> str | None:
    if sockets.family_of(host) is not None:
        return host
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError:
        return None


def _line(address: str, port: PortSpec, result: Result) -> str:
    parts = [result.outcome, f"{address} {port.port}/{port.protocol}", f"in {result.seconds * 1000:.1f} ms"]
    if result.error:
        parts.append(f"({result.error})")
    if result.responder and result.observed:
        parts.append(f"responder {result.responder}, which saw {result.observed}")
    return " ".join(parts)

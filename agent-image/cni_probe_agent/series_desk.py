"""Where orchestrators start, read and stop what outlives the sessions that talk of it: series, and held connections."""

from __future__ import annotations

import json
from typing import Any, Final

from .dialer import Target
from .fields import list_of, number_of, refuse, targets_of, text_of
from .flight import Aim
from .held import MAX_HELD, Held, HoldPlan
from .reactor import Reactor
from .receipts import Receipts
from .series import MAX_CELLS, Plan, Series, valid_nonce
from .session import BadFrame, Session
from .sockets import SourcePorts

MAX_SERIES: Final = 64
SHORTEST_INTERVAL: Final = 0.01
_LONGEST: Final = 86_400.0


class SeriesDesk:
    """All series of the agent, by their names."""

    def __init__(self, reactor: Reactor, receipts: Receipts) -> None:
        self._reactor = reactor
        self._receipts = receipts
        self._ports = SourcePorts()
        self._series: dict[str, Series | Held] = {}

    def begin(self, text: str) -> None:
        """Begin the series of a frame in JSON, without any session. BadFrame."""
        try:
            frame = json.loads(text)
        except ValueError:
            raise BadFrame("not JSON") from None
        if not isinstance(frame, dict):
            raise BadFrame("not a JSON object")
        name, plan = text_of(frame, "series"), _plan(frame)
        self._series[name] = Series(self._reactor, self._ports, self._receipts, plan)

    def start(self, session: Session, frame: dict[str, Any]) -> None:
        """Begin a series. One that is known by that name already goes on: the frame is a repeated one."""
        id, name = text_of(frame, "id"), text_of(frame, "series")
        series = self._series.get(name)
        if series is None:
            plan = _plan(frame)
            self._make_room()
            series = self._series[name] = Series(self._reactor, self._ports, self._receipts, plan)
        session.emit({"op": "series", "id": id, "series": name, "time": series.time})

    def hold(self, session: Session, frame: dict[str, Any]) -> None:
        """Open connections and hold them. As with series, a name that is known goes on."""
        id, name = text_of(frame, "id"), text_of(frame, "series")
        held = self._series.get(name)
        if held is None:
            plan = _hold_plan(frame)
            self._make_room()
            held = self._series[name] = Held(self._reactor, self._ports, self._receipts, plan)
        session.emit({"op": "hold", "id": id, "series": name, "time": held.time})

    def read(self, session: Session, frame: dict[str, Any]) -> None:
        """What is new since an entry."""
        id, name = text_of(frame, "id"), text_of(frame, "series")
        news = self._find(name).read(int(number_of(frame, "since", 0)))
        session.emit({"op": "read", "id": id, "series": name, **news})

    def stop(self, session: Session, frame: dict[str, Any]) -> None:
        """Have a series end. It can still be read."""
        id, name = text_of(frame, "id"), text_of(frame, "series")
        series = self._find(name)
        series.stop()
        session.emit({"op": "stop", "id": id, "series": name, "time": series.time})

    def _find(self, name: str) -> Series | Held:
        series = self._series.get(name)
        if series is None:
            raise BadFrame(f"no series {name}")
        return series

    def _make_room(self) -> None:
        """Forget the series that have ended, when there are too many."""
        if len(self._series) >= MAX_SERIES:
            self._series = {name: series for name, series in self._series.items() if not series.ended}
        if len(self._series) >= MAX_SERIES:
            raise BadFrame(f"{MAX_SERIES} series are under way already")


def _plan(frame: dict[str, Any]) -> Plan:
    targets = targets_of(frame)
    if len(targets) > MAX_CELLS:
        raise BadFrame(f"targets: at most {MAX_CELLS} in a series")
    aims = _aims(frame, targets)
    interval = _seconds(frame, "interval", SHORTEST_INTERVAL)
    phases = list_of(frame, "phases", len(targets))
    if not all(isinstance(each, int | float) and 0 <= each < interval for each in phases):
        refuse("phases", "a list of numbers below the interval, not negative")
    denied = list_of(frame, "denied")
    if not all(isinstance(each, int) and 0 <= each < len(targets) for each in denied):
        refuse("denied", "a list of places in targets")
    nonce = text_of(frame, "nonce")
    if not valid_nonce(nonce):
        refuse("nonce", "1 to 80 of letters, digits and ._:-")
    return Plan(
        nonce=nonce,
        agent=int(number_of(frame, "agent")),
        interval=interval,
        timeout=_seconds(frame, "timeout", 0.001),
        lease=_seconds(frame, "lease", 1.0),
        aims=aims,
        phases=[float(each) for each in phases],
        denied=frozenset(denied),
    )


def _hold_plan(frame: dict[str, Any]) -> HoldPlan:
    targets = targets_of(frame)
    if len(targets) > MAX_HELD:
        raise BadFrame(f"targets: at most {MAX_HELD} can be held")
    if any(target.query for target in targets):
        refuse("targets", "rows of address, port and protocol")
    nonce = text_of(frame, "nonce")
    if not valid_nonce(nonce):
        refuse("nonce", "1 to 80 of letters, digits and ._:-")
    return HoldPlan(
        nonce=nonce,
        agent=int(number_of(frame, "agent")),
        interval=_seconds(frame, "interval", SHORTEST_INTERVAL),
        patience=_seconds(frame, "patience", 0.001),
        lease=_seconds(frame, "lease", 1.0),
        aims=_aims(frame, targets),
    )


def _aims(frame: dict[str, Any], targets: list[Target]) -> list[Aim]:
    responders = list_of(frame, "responders", len(targets))
    if not all(each is None or isinstance(each, str) for each in responders):
        refuse("responders", "a list of identities, or null for any")
    return [Aim(target, responder) for target, responder in zip(targets, responders, strict=True)]


def _seconds(frame: dict[str, Any], key: str, least: float) -> float:
    value = number_of(frame, key)
    if not least <= value <= _LONGEST:
        refuse(key, f"at least {least:g} and at most {_LONGEST:g} seconds")
    return float(value)

"""One agent, what an attempt of it saw, and how a responder is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.cluster.channel import AgentChannel, ClockOffset, ListenerState
from probe.cluster.frames import Resolver
from probe.cluster.running import RunningPod
from probe.model.cell import Cell, Family, Outcome, Protocol

ListenerKey: TypeAlias = tuple[int, Protocol, Family]
"""A port of a pod over one family."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One attempt of one cell, on the orchestrator's clock. ``at`` is unix time in seconds when it started.

    ``dialled`` is the ``address:port`` that was tried, ``local`` the address that it was tried from. ``nonce`` is the
    request's, kept where no answer came. ``established`` says that packets went both ways, whatever the outcome: an
    answer came, or the handshake at least was completed. ``lag`` and ``responder_lag`` are how late the event loops of
    the two ends were at worst in that round, in seconds (0 for one that did not probe in it). ``resent``: how many
    seconds after ``at`` the request was sent for the last time (UDP repeats it).
    """

    outcome: Outcome
    error: str | None = None
    at: float = 0.0
    seconds: float = 0.0
    local: str | None = None
    observed: str | None = None
    responder: str | None = None
    nonce: str = ""
    lag: float = 0.0
    responder_lag: float = 0.0
    established: bool = False
    dialled: str | None = None
    resent: float = 0.0


@dataclass(slots=True)
class Agent:
    """A running pod with its control stream. ``lost`` says why there is none any more (empty: there is).

    ``clock`` brings its times to ours. ``unbound`` are the listeners that it could not open, with the errno's name;
    ``resolver`` is where it looks up names.
    """

    running: RunningPod
    channel: AgentChannel
    clock: ClockOffset
    unbound: Mapping[ListenerKey, str] = field(default_factory=dict)
    resolver: Resolver = field(default_factory=Resolver)
    lost: str = ""
    mark: int = 0
    forgot: bool = False

    @classmethod
    def of(cls, running: RunningPod, channel: AgentChannel, clock: ClockOffset) -> Agent:
        """An agent that has just said hello."""
        hello = channel.hello
        failed = (listener for listener in hello.listeners if listener.error)
        unbound = {(each.port, each.protocol, each.family): str(each.error) for each in failed}
        return cls(running, channel, clock, unbound, hello.resolver)


@dataclass(frozen=True, slots=True)
class Health:
    """How a responder is: ``lost`` (empty when it answered), and the state of each of its listeners."""

    lost: str
    listeners: tuple[ListenerState, ...] = ()

    def trouble(self, cell: Cell) -> str:
        """What is wrong with the responder of a cell; empty when its listener was proven alive."""
        if self.lost:
            return f"the responder {cell.destination} was not proven alive: {self.lost}"
        for listener in self.listeners:
            if (listener.port, listener.protocol, listener.family) == (cell.port, cell.protocol, cell.family):
                break
        else:
            return f"the responder {cell.destination} does not listen on {cell.port}/{cell.protocol} {cell.family}"
        return f"the responder's listener is broken: {listener.error}" if listener.error else ""

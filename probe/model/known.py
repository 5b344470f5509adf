"""Known failures: cells that a cluster is known to get wrong, so that a run fails only for what is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from probe.model.cell import Cell, Family, Protocol
from probe.model.errors import Location


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """Cells by shell-style globs, as rules of scenarios call them; empty means any.

    ``scenario`` is the scenario's name or a glob of it, ``step`` likewise; ``ports`` are ``80/TCP``, ``80`` or ``TCP``;
    ``paths`` are ways (``cluster-ip/other-port``) or paths. ``reason`` says why the failure is borne.
    """

    scenario: str
    reason: str
    step: str = ""
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    paths: tuple[str, ...] = ()
    location: Location | None = None

    def is_about(self, scenario: str, step: str) -> bool:
        """Whether it may have cells of this step. A scenario that runs on several pairs of nodes is called
        ``name@node+node``, and answers to its name."""
        names = {scenario, scenario.partition("@")[0]}
        return any(_fits(name, self.scenario) for name in names) and (not self.step or _fits(step, self.step))

    def has(self, cell: Cell) -> bool:
        """Whether a cell of such a step is among them."""
        return (
            _any_fits([cell.source], self.sources)
            and _any_fits([cell.destination], self.destinations)
            and _any_fits(_port_names(cell.port, cell.protocol), self.ports)
            and (not self.families or cell.family in self.families)
            and _any_fits([cell.way, cell.path.value], self.paths)
        )

    def __str__(self) -> str:
        return " ".join(self._words())

    def _words(self) -> Iterator[str]:
        yield f"{self.scenario} / {self.step}" if self.step else self.scenario
        if self.sources or self.destinations:
            yield f"{','.join(self.sources) or '*'} -> {','.join(self.destinations) or '*'}"
        yield from filter(None, map(",".join, (self.ports, self.families, self.paths)))


def _port_names(number: int, protocol: Protocol) -> list[str]:
    return [f"{number}/{protocol}", str(number), str(protocol)]


def _any_fits(names: list[str], patterns: tuple[str, ...]) -> bool:
    return not patterns or any(_fits(name, pattern) for name in names for pattern in patterns)


def _fits(name: str, pattern: str) -> bool:
    """A name may have a bracket, and is then written as it is."""
    return name == pattern or fnmatchcase(name, pattern)

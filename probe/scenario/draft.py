"""A scenario while it is being built: what its parts are read against, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from probe.model.errors import Problem
from probe.model.fleet import Placement, Pod, Spread
from probe.scenario.document import Document, FieldPath, Place
from probe.scenario.hostports import host_port_clashes
from probe.scenario.world import World


@dataclass(slots=True)
class Draft:
    """``world`` is what exists by now, ``problems`` are those found by now, ``damage`` is what was taken out of the
    document because of them, so that nothing else is blamed for it."""

    document: Document
    world: World
    problems: list[Problem]
    damage: frozenset[FieldPath]
    placement: Placement = field(default_factory=Placement)

    @property
    def place(self) -> Place:
        """Of ``spec``."""
        return self.document.root.child("spec")

    def damaged(self, place: Place) -> bool:
        """Whether something at or below a place was taken out."""
        return any(path[: len(place.path)] == place.path for path in self.damage)

    def check_text(self, text: str, place: Place, *, one_line: bool = False) -> None:
        """Texts end up on terminals and in reports: no control characters."""
        if not (text if one_line else text.replace("\n", "")).isprintable():
            what = "one line of printable text" if one_line else "printable text"
            self.problems.append(place.problem(f"must be {what}"))

    def check_host_ports(self, new: Sequence[Pod], present: Iterable[Pod], place: Place) -> None:
        """``place``: what the namespaces of the new pods stand in."""
        doubtful = self.damaged(self.place.child("fleet", "placement"))
        spread = Spread.DIFFERENT if doubtful else self.placement.spread
        for pod, message, hint in host_port_clashes(new, present, spread):
            at = place.child("namespaces", pod.namespace, "pods", pod.group)
            if not self.damaged(at.child("node")):
                self.problems.append(at.key_problem(message, hint))

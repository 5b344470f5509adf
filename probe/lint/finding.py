"""What a rule finds, and how bad it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from probe.model.errors import Location
from probe.scenario.document import Place


class Level(enum.StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # refused by the API server, or the opposite of what it looks like
    WARNING = "warning"  # probably not what was meant
    INFO = "info"  # worth a look

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return [Level.INFO, Level.WARNING, Level.ERROR].index(self)


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says of a place: what is the matter, and what to do. ``level`` None: the rule's own."""

    location: Location
    message: str
    hint: str = ""
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is reported. ``subject`` is the object that it is about (``NetworkPolicy web in namespace shop``)."""

    location: Location
    level: Level
    rule: str
    message: str
    hint: str = ""
    subject: str = ""

    @property
    def order(self) -> tuple[Location, str, str]:
        """By place."""
        return self.location, self.rule, self.message


def at(place: Place, message: str, hint: str = "", level: Level | None = None) -> Found:
    """Of a value."""
    return Found(place.location, message, hint, level)


def at_key(place: Place, message: str, hint: str = "", level: Level | None = None) -> Found:
    """Of a field, or of what is missing in it."""
    return Found(place.key_location, message, hint, level)

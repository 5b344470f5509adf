"""What was done to a deployment since it was as it should be: enough to undo it."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.manifest import ObjectRef


@dataclass(slots=True)
class Alterations:
    """Noted before a change is asked for, since one that fails may have been made all the same.

    ``applied``: objects that may be there; ``labelled``: label keys of pods and namespaces that were set or removed;
    ``ended``: pods, by id, that were told to end and may still be there; ``namespaces_made`` and
    ``namespaces_deleted``: logical names. One that was deleted and made again is in both.
    """

    applied: dict[ObjectRef, None] = field(default_factory=dict)
    labelled: dict[ObjectRef, set[str]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    namespaces_made: set[str] = field(default_factory=set)
    namespaces_deleted: set[str] = field(default_factory=set)

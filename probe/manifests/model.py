"""Manifests after reading: objects with their places, and the snapshot that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probe.manifests.kinds import Kind
from probe.model.errors import ManifestError, Problem
from probe.model.manifest import Manifest
from probe.model.objects import name_of
from probe.model.snapshot import Snapshot
from probe.scenario.document import Place


@dataclass(frozen=True, slots=True)
class ManifestObject:
    """One object and where it was written.

    ``manifest`` has its namespace filled in (a cluster-scoped one has none). ``sound``: the API server would take it;
    only such objects are in the snapshot.
    """

    kind: Kind
    namespace: str
    name: str
    manifest: Manifest
    place: Place
    sound: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name."""
        return self.kind.name, self.namespace, self.name

    @property
    def has_name(self) -> bool:
        """Whether its name is known: not with generateName."""
        return bool((self.manifest.get("metadata") or {}).get("name"))

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.kind.namespaced else ""
        return f"{self.kind.name} {name_of(self.manifest)}{where}"


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """All that was read.

    ``pods`` are the objects behind the snapshot's pods, by the pod's id. ``inferred`` are namespaces that are used but
    not defined: of these no label is known but the name's. ``others`` counts objects of other kinds. ``texts`` are the
    files. ``unreadable`` are problems of files (what is in them is not known), ``invalid`` those of objects.
    """

    objects: tuple[ManifestObject, ...]
    snapshot: Snapshot
    pods: Mapping[str, ManifestObject] = field(default_factory=dict)
    inferred: frozenset[str] = frozenset()
    others: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    unreadable: tuple[Problem, ...] = ()
    invalid: tuple[Problem, ...] = ()

    def find(self, kind: str, namespace: str, name: str) -> ManifestObject | None:
        """The object of that name, if it is here; ``namespace`` is empty for cluster-scoped ones."""
        return next((each for each in self.objects if each.key == (kind, namespace, name)), None)

    def require_sound(self) -> ManifestSet:
        """The set itself. Raises ManifestError with every problem of files and objects."""
        if self.unreadable or self.invalid:
            raise ManifestError([*self.unreadable, *self.invalid])
        return self

    @property
    def left_out(self) -> str:
        """``12 objects of other kinds left out (ConfigMap 8, Secret 4)``; empty when there is none."""
        count = sum(self.others.values())
        if not count:
            return ""
        most = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{kind} {number}" for kind, number in most[:_NAMED])
        more = ", ..." if len(most) > _NAMED else ""
        return f"{count} object{'s' if count > 1 else ''} of other kinds left out ({named}{more})"


_NAMED = 5

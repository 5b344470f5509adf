"""Manifests -> objects with places -> a snapshot; every mistake of every file at once.

Only kinds that matter to policies are read (``kinds``). Of these only the fields that matter are looked at
(``shapes``), so that files which were written for a cluster are taken as they are; policies are validated whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from probe.manifests.kinds import Kind, check, kind_of, misnamed
from probe.manifests.model import ManifestObject, ManifestSet
from probe.manifests.shapes import covers
from probe.manifests.snapshot import assemble
from probe.manifests.sources import ReadStdin, Source, read_sources
from probe.model.errors import Location, Problem
from probe.model.objects import name_of, namespace_of
from probe.scenario.document import Document, Place
from probe.scenario.fielderrors import located

_RENDERERS: Final = {
    "kustomization": "kubectl kustomize DIRECTORY",
    "Chart": "helm template CHART",
    "values": "helm template CHART",
}


def load_manifests(
    paths: Sequence[str | Path],
    *,
    namespace: str = "default",
    pod_cidrs: Sequence[str] = (),
    read_stdin: ReadStdin | None = None,
) -> ManifestSet:
    """As ``read_manifests``, for those who cannot do with less than all. Raises ManifestError with every problem."""
    return read_manifests(paths, namespace=namespace, pod_cidrs=pod_cidrs, read_stdin=read_stdin).require_sound()


def read_manifests(
    paths: Sequence[str | Path],
    *,
    namespace: str = "default",
    pod_cidrs: Sequence[str] = (),
    read_stdin: ReadStdin | None = None,
) -> ManifestSet:
    """The objects of files, of ``*.yaml``, ``*.yml`` and ``*.json`` below directories, and of stdin (``-``).

    ``namespace`` is that of objects that do not name theirs, as ``kubectl -n`` has it. What is wrong is in the set
    that is returned (``unreadable`` and ``invalid``); nothing is raised for it.
    """
    reader = _Reader(namespace)
    for path, sources in read_sources(paths, reader.unreadable, read_stdin):
        reader.read(path, sources)
    reader.report_duplicates()
    reader.report_other_policies()
    made = assemble(reader.objects, tuple(pod_cidrs))
    return ManifestSet(
        objects=tuple(reader.objects),
        snapshot=made.snapshot,
        pods=made.pods,
        inferred=made.inferred,
        others=reader.others,
        texts=reader.texts,
        warnings=tuple(sorted(reader.warnings)),
        unreadable=tuple(sorted(reader.unreadable)),
        invalid=tuple(sorted(reader.invalid)),
    )


@dataclass(slots=True)
class _Reader:
    namespace: str
    objects: list[ManifestObject] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    other_policies: dict[str, Place] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    invalid: list[Problem] = field(default_factory=list)

    def read(self, path: str, sources: Sequence[Source]) -> None:
        """The files of one path, which must have objects of some kind."""
        before = len(self.objects), self.others.total(), len(self.unreadable)
        for source in sources:
            self._read_source(source)
        if sources and before == (len(self.objects), self.others.total(), len(self.unreadable)) and sources[0].found:
            self.unreadable.append(Problem(Location(path), "", "no Kubernetes object in this directory"))
        if not sources and Path(path).is_dir() and not any(text.startswith(path) for text in self.texts):
            hint = "it holds no *.yaml, *.yml or *.json file"
            self.unreadable.append(Problem(Location(path), "", "no manifest in this directory", hint))

    def _read_source(self, source: Source) -> None:
        part = _FilePart(self.namespace, source)
        for document in source.reading.documents:
            part.add_document(document)
        problems = [*source.reading.problems, *part.unreadable, *part.invalid]
        if source.found and source.is_template(problems):
            message = "a template, left out: what stands in {{ }} is not known"
            hint = "render it first, for instance with: helm template CHART"
            self.warnings.append(Problem(problems[0].location, "", message, hint))
            return
        self.texts[source.name] = source.text
        self.unreadable += [*source.reading.problems, *part.unreadable]
        self.objects += part.objects
        self.others += part.others
        self.invalid += part.invalid
        self.warnings += part.warnings
        for kind, place in part.other_policies.items():
            self.other_policies.setdefault(kind, place)

    def report_duplicates(self) -> None:
        """Of two objects of one name the API server would keep the last; which that is depends on who applies them."""
        first: dict[tuple[str, str, str], ManifestObject] = {}
        for each in self.objects:
            other = first.setdefault(each.key, each) if each.has_name else each
            if other is not each:
                message = f"{each} is written twice"
                self.invalid.append(each.place.problem(message, f"the other one is at {other.place.location}"))

    def report_other_policies(self) -> None:
        """Policies of network plugins' own kinds decide as well, and are not known here."""
        for kind, place in self.other_policies.items():
            message = f"{kind} is not evaluated: what it allows or denies is not considered"
            self.warnings.append(place.child("kind").problem(message))


@dataclass(slots=True)
class _FilePart:
    """What one file adds."""

    namespace: str
    source: Source
    objects: list[ManifestObject] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    other_policies: dict[str, Place] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    invalid: list[Problem] = field(default_factory=list)

    def add_document(self, document: Document) -> None:
        """The object of a document, or those of a list."""
        value = document.value
        if self.source.found and not _looks_like_an_object(value):
            self.warnings.append(document.root.problem("no Kubernetes object, left out", _advice(self.source.name)))
            return
        self._add(value, document.root)

    def _add(self, value: Any, place: Place, list_kind: str = "", list_version: str = "") -> None:
        """``list_kind`` is that of a list's items, which need not say it themselves."""
        if not isinstance(value, dict):
            self.unreadable.append(place.problem("a manifest must be a mapping with apiVersion and kind"))
            return
        if run_together := list(_run_together(place)):
            self.unreadable += run_together
            return
        name, version = value.get("kind") or list_kind, value.get("apiVersion") or list_version
        if not (isinstance(name, str) and name and isinstance(version, str) and version):
            self.unreadable.append(place.problem("a manifest must have apiVersion and kind"))
        elif name.endswith("List") and "items" in value:
            self._add_list(value, place, name, version)
        elif kind := kind_of(name, version):
            self._add_object({"apiVersion": version, "kind": name, **value}, place, kind)
        elif wrong := misnamed(name, version):
            self.invalid.append(place.child(wrong[0]).problem(wrong[1]))
        else:
            self._add_other(name, version, place)

    def _add_list(self, value: dict[str, Any], place: Place, name: str, version: str) -> None:
        items, of = value["items"], name.removesuffix("List")
        if not isinstance(items, list | None):
            self.unreadable.append(place.child("items").problem("items must be a list"))
            return
        for index, item in enumerate(items or ()):
            self._add(item, place.child("items", index), of, version if of else "")

    def _add_other(self, name: str, version: str, place: Place) -> None:
        group = version.rpartition("/")[0]
        called = f"{name}.{group}" if kind_of(name, "v1") or "." in group else name
        self.others[called] += 1
        if name.endswith("NetworkPolicy"):
            self.other_policies.setdefault(called, place)

    def _add_object(self, value: dict[str, Any], place: Place, kind: Kind) -> None:
        if kind.is_policy:
            value.pop("status", None)  # conditions, or the empty one that servers up to Kubernetes 1.27 wrote
        found = [*self._doubts(place, kind)]
        taken = {problem.location for problem in found}
        refused = (located(error, place) for error in check(value, kind))
        found += [problem for problem in refused if problem.location not in taken]
        self.invalid += found
        metadata = value.get("metadata")
        if not isinstance(metadata, dict):
            metadata = {}
        space = metadata.get("namespace") or self.namespace if kind.namespaced else ""
        filled = metadata | ({"namespace": space} if kind.namespaced else {})
        manifest = {**value, "metadata": filled}
        self.objects.append(
            ManifestObject(kind, namespace_of(manifest) if space else "", name_of(manifest), manifest, place, not found)
        )

    def _doubts(self, place: Place, kind: Kind) -> Iterator[Problem]:
        """What YAML readers take differently in fields that are read. Of keys written twice the last counts, as it does
        for whoever lets them pass; in a policy nobody may guess."""
        for doubt in place.document.doubts:
            if doubt.path[: len(place.path)] != place.path:
                continue
            within = covers(kind.shape, doubt.path[len(place.path) :])
            if doubt.duplicate and not (within and kind.is_policy):
                self.warnings.append(doubt.problem)
            elif within:
                yield doubt.problem


def _run_together(place: Place) -> Iterator[Problem]:
    """Two objects without a mark between them are one to YAML, with keys written twice, and one of them is lost."""
    keys = [(*place.path, key) for key in ("apiVersion", "kind", "items")]
    for doubt in place.document.doubts:
        if doubt.duplicate and doubt.path in keys:
            yield replace(doubt.problem, hint=f"{doubt.problem.hint}; is there a --- missing between two objects?")


def _looks_like_an_object(value: Any) -> bool:
    """Or like one that lacks something, which then has to be said."""
    return isinstance(value, dict) and any(key in value for key in ("kind", "metadata", "spec"))


def _advice(name: str) -> str:
    renderer = _RENDERERS.get(Path(name).stem)
    return f"render it and give the result: {renderer}" if renderer else ""

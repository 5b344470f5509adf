"""Manifests of a step's ``apply``: paths, globs and inline ones -> single objects, checked.

A manifest's own mistakes are located in the manifest's file. What depends on the fleet (whether its namespace
exists at that step) is checked where the step is built.
"""

from __future__ import annotations

import glob
import os.path
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probe.model.clusterpolicy import API_VERSIONS, validate_cluster_policy
from probe.model.errors import Problem
from probe.model.fields import UNKNOWN_FIELD, FieldError
from probe.model.metadata import validate_metadata
from probe.model.networkpolicy import validate_network_policy
from probe.scenario.document import Place
from probe.scenario.fielderrors import located
from probe.scenario.files import siblings
from probe.scenario.suggest import suggest
from probe.scenario.yaml import Reading, read_yaml

SUPPORTED = {
    "NetworkPolicy": "networking.k8s.io/v1",
    **API_VERSIONS,
    "Service": "v1",
    "ConfigMap": "v1",
}

_FLEET_KINDS = {"Namespace": "a namespace", "Pod": "a pod"}
_CLUSTER_SCOPED = (
    "Node",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "PersistentVolume",
    "StorageClass",
)
_SERVER_SET = ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation", "generateName")
_OTHER_FIELDS = {"Service": {"spec", "status"}, "ConfigMap": {"data", "binaryData", "immutable"}}


@dataclass(frozen=True, slots=True)
class Manifested:
    """One object as it was written, and where. ``sound`` is False when problems were reported for it."""

    manifest: dict[str, Any]
    place: Place
    sound: bool


@dataclass(slots=True)
class ManifestReader:
    """Reads manifests, each file once; collects the problems of all of them."""

    problems: list[Problem]
    _files: dict[str, tuple[Manifested, ...]] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the files that were read, by path."""
        places = (each.place.document for objects in self._files.values() for each in objects)
        return {document.file: document.digest for document in places}

    def read(self, source: str | dict[str, Any], place: Place) -> tuple[Manifested, ...]:
        """The objects of one item of ``apply``; what cannot be read is reported."""
        if isinstance(source, dict):
            return tuple(self._objects(source, place))
        directory = os.path.dirname(place.document.file)
        pattern = os.path.normpath(os.path.join(directory, source))
        paths = self._paths(pattern, source, place)
        found = [self._file(path) for path in paths]
        return tuple(item for items in found for item in items)

    def _paths(self, pattern: str, source: str, place: Place) -> list[str]:
        if os.path.isfile(pattern):
            return [pattern]
        if os.path.isdir(pattern):
            self.problems.append(place.problem(f'"{source}" is a directory', f'write "{source.rstrip("/")}/*.yaml"'))
            return []
        if not glob.has_magic(pattern):
            near = suggest(os.path.basename(pattern), siblings(pattern))
            self.problems.append(place.problem(f'no such file: "{source}" (looked for {pattern})', near))
            return []
        matches = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
        if not matches:
            self.problems.append(place.problem(f'no file matches "{source}"', "paths begin at this file's directory"))
        return matches

    def _file(self, path: str) -> tuple[Manifested, ...]:
        if path not in self._files:
            reading: Reading = read_yaml(Path(path), path)
            self.problems += reading.problems
            objects = [item for document in reading.documents for item in self._objects(document.value, document.root)]
            broken = bool(reading.problems)
            self._files[path] = tuple(
                Manifested(item.manifest, item.place, item.sound and not broken) for item in objects
            )
        return self._files[path]

    def _objects(self, value: Any, place: Place) -> Iterator[Manifested]:
        """The object, or those of a List, with their mistakes reported."""
        if not isinstance(value, dict):
            self.problems.append(place.problem("a manifest must be a mapping with apiVersion and kind"))
            return
        if value.get("kind") == "List":
            items = value.get("items")
            if not isinstance(items, list):
                self.problems.append(place.problem("a List must have items"))
                return
            for index, item in enumerate(items):
                yield from self._objects(item, place.child("items", index))
            return
        found = list(_check(value, place))
        self.problems += found
        yield Manifested(value, place, sound=not found)


def _check(manifest: dict[str, Any], place: Place) -> Iterator[Problem]:
    """Problems of one object by itself."""
    kind, version = manifest.get("kind"), manifest.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        yield place.problem("a manifest must have apiVersion and kind")
        return
    if SUPPORTED.get(kind) != version:
        yield _unsupported(kind, version, place)
        return
    for error in _errors(manifest, kind):
        yield located(error, place)
    metadata = manifest.get("metadata")
    if isinstance(metadata, dict):
        if kind not in API_VERSIONS and not metadata.get("namespace"):
            hint = "write the namespace of the fleet that it belongs to"
            yield place.child("metadata").key_problem("metadata.namespace is missing", hint)
        for key in _SERVER_SET:
            if key in metadata:
                yield place.child("metadata", key).key_problem(f"{key} is set by the API server", "remove it")


def _unsupported(kind: str, version: str, place: Place) -> Problem:
    if kind in SUPPORTED:
        message = f"{kind} has apiVersion {SUPPORTED[kind]}, not {version}"
        return place.child("apiVersion").problem(message, f"write apiVersion: {SUPPORTED[kind]}")
    at = place.child("kind")
    if kind == "Scenario":
        return at.problem("a scenario cannot be applied", "give it to the command as a path of its own")
    if kind in _FLEET_KINDS:
        hint = "put it into spec.fleet, or into the step's create"
        return at.problem(f"{_FLEET_KINDS[kind]} is not created by a manifest", hint)
    if kind in _CLUSTER_SCOPED:
        return at.problem(f"{kind} is cluster-scoped; of such objects only policies can be applied")
    return at.problem(f"{kind} is not supported", suggest(kind, SUPPORTED) or f"supported: {', '.join(SUPPORTED)}")


def _errors(manifest: dict[str, Any], kind: str) -> list[FieldError]:
    if kind == "NetworkPolicy":
        return validate_network_policy(manifest)
    return validate_cluster_policy(manifest) if kind in API_VERSIONS else list(_other(manifest, kind))


def _other(manifest: dict[str, Any], kind: str) -> Iterator[FieldError]:
    """The outline of a Service or ConfigMap; the API server checks the rest."""
    for key in manifest:
        if key not in {"apiVersion", "kind", "metadata"} | _OTHER_FIELDS[kind]:
            yield FieldError((key,), f'unknown field "{key}"', UNKNOWN_FIELD)
    metadata = manifest.get("metadata")
    yield from validate_metadata(metadata if isinstance(metadata, dict) else {})
    if kind == "Service" and not isinstance(manifest.get("spec"), dict):
        yield FieldError(("spec",), "Required value: a Service needs a spec", "FieldValueRequired")

"""Volumes: directories of the sandbox's, filled from ConfigMaps, Secrets, tokens and the pod itself, as a kubelet does.

Filled once, before the containers start: what changes later is not followed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from probe.sandbox.kubelet.environment import data_of
from probe.sandbox.kubelet.facts import ConfigError, Lookup, metadata_field
from probe.sandbox.store import Obj, StoreError

KINDS: Final = ("configMap", "downwardAPI", "emptyDir", "projected", "secret")
READ_ONLY: Final = ("configMap", "downwardAPI", "projected", "secret")
FILE_MODE: Final = 0o644
LEAST_SECONDS: Final = 3607
"""What a pod asks for that does not care; such tokens hold for a year, as kube-apiserver extends them."""


class VolumeNotReady(Exception):
    """Something that the volume needs is not there (yet); in a kubelet's words."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file of a volume."""

    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Where volumes come from. ``token``: seconds (None: whatever is usual) and audiences to a token of the pod's
    service account; raises StoreError."""

    lookup: Lookup
    token: Callable[[int | None, tuple[str, ...]], str]


def make_volumes(pod: Obj, directory: Path, sources: Sources) -> None:
    """Make the pod's volumes, each a directory of its name in ``directory``.

    Raises VolumeNotReady with the name of the volume. Volumes of kinds that the sandbox lacks are left out: the
    container that wants one is told so.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for volume in pod["spec"].get("volumes") or ():
        kind = kind_of(volume)
        if kind == "emptyDir":
            (directory / volume["name"]).mkdir(exist_ok=True)
        elif kind is not None:
            try:
                files = dict(_files(pod, kind, volume[kind] or {}, sources))
            except VolumeNotReady as error:
                raise VolumeNotReady(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error
            _write(directory / volume["name"], files)
    _make_subpaths(pod, directory)


def kind_of(volume: Mapping[str, Any]) -> str | None:
    """Which of the kinds that the sandbox has this volume is, if any."""
    return next((kind for kind in KINDS if kind in volume), None)


def inside(path: str) -> PurePosixPath:
    """A relative path that leads nowhere else. Raises ConfigError."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts or not found.parts:
        raise ConfigError(f"path {path!r} must be relative and without ..")
    return found


def _files(pod: Obj, kind: str, source: Mapping[str, Any], sources: Sources) -> Iterator[tuple[str, Content]]:
    mode = int(source.get("defaultMode") or FILE_MODE)
    for part, spec in [(kind, source)] if kind != "projected" else _parts(source):
        match part:
            case "configMap":
                yield from _keys("configmaps", spec.get("name") or "", spec, mode, sources.lookup)
            case "secret":
                yield from _keys(
                    "secrets", spec.get("secretName") or spec.get("name") or "", spec, mode, sources.lookup
                )
            case "downwardAPI":
                yield from _fields(pod, spec, mode)
            case "serviceAccountToken":
                yield spec["path"], Content(_token(spec, sources).encode(), mode)
            case _:
                raise VolumeNotReady(f"the sandbox has no {part}")


def _parts(source: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for projection in source.get("sources") or ():
        yield from projection.items()


def _keys(
    resource: str, name: str, spec: Mapping[str, Any], mode: int, lookup: Lookup
) -> Iterator[tuple[str, Content]]:
    word = resource.removesuffix("s")
    obj = lookup(resource, name)
    if obj is None:
        if spec.get("optional"):
            return
        raise VolumeNotReady(f'{word} "{name}" not found')
    data = data_of(obj, resource)
    items = spec.get("items") or [{"key": key, "path": key} for key in data]
    for item in items:
        if item["key"] in data:
            yield item["path"], Content(data[item["key"]], int(item.get("mode") or mode))
        elif not spec.get("optional"):
            raise VolumeNotReady(f"{word} references non-existent {_key_word(resource)} key: {item['key']}")


def _key_word(resource: str) -> str:
    return "secret" if resource == "secrets" else "config"


def _fields(pod: Obj, spec: Mapping[str, Any], mode: int) -> Iterator[tuple[str, Content]]:
    for item in spec.get("items") or ():
        path = (item.get("fieldRef") or {}).get("fieldPath", "")
        value = metadata_field(pod, path)
        if value is None:
            raise VolumeNotReady(f"the sandbox's downward API has no {path or 'resourceFieldRef'} in volumes")
        yield item["path"], Content(value.encode(), int(item.get("mode") or mode))


def _token(spec: Mapping[str, Any], sources: Sources) -> str:
    seconds, audience = int(spec.get("expirationSeconds") or 3600), spec.get("audience")
    usual = seconds <= LEAST_SECONDS
    try:
        return sources.token(None if usual else seconds, (audience,) if audience else ())
    except StoreError as error:
        raise VolumeNotReady(f"failed to fetch token: {error}") from error


def _write(directory: Path, files: Mapping[str, Content]) -> None:
    """The directory with these files and no others; what is tried again begins afresh."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for path, content in files.items():
        target = directory / inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, content.mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content.data)
            os.fchmod(file.fileno(), content.mode)


def _make_subpaths(pod: Obj, directory: Path) -> None:
    """What a container wants of an emptyDir and nobody has made yet, as a kubelet does: a directory."""
    empty = {volume["name"] for volume in pod["spec"].get("volumes") or () if kind_of(volume) == "emptyDir"}
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or ():
            if mount["name"] in empty and (path := mount.get("subPath")):
                (directory / mount["name"] / inside(path)).mkdir(parents=True, exist_ok=True)

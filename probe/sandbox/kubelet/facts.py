"""What a pod's containers and volumes may ask for: its metadata, its node's addresses, and other objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from probe.sandbox.store import Obj

Lookup: TypeAlias = Callable[[str, str], Obj | None]
"""Resource and name to an object of the pod's namespace."""


class ConfigError(Exception):
    """The container's configuration asks for what there is not (CreateContainerConfigError)."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a running pod's containers may ask for beside its metadata."""

    addresses: tuple[str, ...]
    node_addresses: tuple[str, ...]
    volumes: str  # the directory that holds the pod's volumes, one directory each
    environment: Mapping[str, str] = field(default_factory=dict)  # what every container of the cluster has
    files: Mapping[str, str] = field(default_factory=dict)  # file of ours (a path) to where containers see it
    lookup: Lookup = lambda resource, name: None


def metadata_field(pod: Obj, path: str) -> str | None:
    """A field of the downward API that environment and volumes share; None when there is no such field."""
    meta = pod["metadata"]
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(meta[path.partition(".")[2]])
        case "metadata.labels" | "metadata.annotations":
            found = meta.get(path.partition(".")[2]) or {}
            return "\n".join(f'{key}="{_quoted(found[key])}"' for key in sorted(found))
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    return None if keyed is None else str((meta.get(keyed[1]) or {}).get(keyed[2], ""))


def _quoted(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""All faults that ship, and finding one by what ``--fault`` says."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from probe.model.errors import UsageError
from probe.sandbox.enforce.controller import Stages
from probe.sandbox.faults import (
    blocks,
    changes,
    cluster,
    clusterchanges,
    labels,
    limits,
    lookups,
    nodes,
    paths,
    peers,
    policies,
    ports,
    residue,
    selectors,
    shared,
    timing,
    unread,
)
from probe.sandbox.faults.fault import Fault

_MODULES = (
    peers,
    blocks,
    ports,
    selectors,
    labels,
    policies,
    limits,
    unread,
    changes,
    lookups,
    shared,
    residue,
    paths,
    nodes,
    timing,
    cluster,
    clusterchanges,
)

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {fault.name: fault for module in _MODULES for fault in module.FAULTS}
)
"""By name, in the order of what they are about."""


def load_fault(text: str) -> Stages:
    """A new fault: by its name, or ``path/to/file.py:ClassName`` for one of the user's own, a subclass of ``Stages``.

    Raises UsageError when there is none.
    """
    if text in FAULTS:
        return FAULTS[text]()
    path, colon, name = text.rpartition(":")
    if not colon or not path.endswith(".py"):
        near = get_close_matches(text, FAULTS, n=1)
        hint = f"did you mean {near[0]}?" if near else "`cni-probe sandbox faults` lists them"
        raise UsageError(f"--fault {text}: no such fault ({hint}); one of your own is FILE.py:CLASS")
    found = getattr(_load(path, text), name, None)
    if not isinstance(found, type) or not issubclass(found, Stages):
        raise UsageError(f"--fault {text}: {path} has no class {name} that is a Fault or Stages")
    try:
        return found()
    except Exception as error:
        raise UsageError(f"--fault {text}: {name}() failed: {error!r}") from error


def _load(path: str, text: str) -> object:
    if not Path(path).is_file():
        raise UsageError(f"--fault {text}: there is no file {path}")
    spec = importlib.util.spec_from_file_location("cni_probe_own_fault", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"--fault {text}: {path} cannot be loaded: {error!r}") from error
    return module

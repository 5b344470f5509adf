"""Kubeconfig files, found, read and merged as ``kubectl`` does.

Our own and not the client's loader, which lets the last file decide where kubectl lets the first, and which logs what
goes wrong with a credential plugin and goes on without one. Rules: "Organizing Cluster Access Using kubeconfig Files"
in the Kubernetes documentation, and client-go's ``clientcmd`` for what that leaves open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from probe.model.errors import UsageError

_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A named cluster, user or context. ``file`` is where it stands: its relative paths start from there."""

    kind: str
    name: str
    file: Path
    data: Mapping[str, Any]

    def text(self, key: str) -> str:
        """A field's text; empty when it is not there. Raises UsageError for one that is no text."""
        value = self.data.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise UsageError(f"{self}: {key} must be a string, not {_kind_of(value)}")
        return value

    def flag(self, key: str) -> bool:
        """A field that is true or false; false when it is not there. Raises UsageError for anything else."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise UsageError(f"{self}: {key} must be true or false, not {_kind_of(value)}")
        return bool(value)

    def path(self, key: str) -> Path | None:
        """A field that is a path, from the file's directory; None when it is not there."""
        text = self.text(key)
        return self.file.parent / Path(text) if text else None

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}" of {self.file}'


@dataclass(frozen=True, slots=True)
class Selected:
    """A context with its cluster and its user (None: anonymous)."""

    context: Entry
    cluster: Entry
    user: Entry | None


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """All files as one."""

    files: tuple[Path, ...]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]
    contexts: Mapping[str, Entry]
    current_context: str

    def select(self, context: str | None = None) -> Selected:
        """The context that is asked for, or the current one. Raises UsageError when there is none, or parts miss."""
        where = ", ".join(map(str, self.files))
        known = f"it has: {', '.join(sorted(self.contexts))}" if self.contexts else "it has no contexts at all"
        name = context or self.current_context
        if not name:
            raise UsageError(f"kubeconfig {where} has no current-context: name one with --context ({known})")
        if name not in self.contexts:
            said = "context" if context else "current-context"
            raise UsageError(f'kubeconfig {where}: there is no {said} "{name}" ({known}); name one with --context')
        chosen = self.contexts[name]
        return Selected(chosen, *self._parts(chosen))

    def _parts(self, context: Entry) -> tuple[Entry, Entry | None]:
        cluster, user = context.text("cluster"), context.text("user")
        if not cluster:
            raise UsageError(f"{context} names no cluster")
        if cluster not in self.clusters:
            raise UsageError(f'{context}: there is no cluster "{cluster}" (there are: {_names(self.clusters)})')
        if user and user not in self.users:
            raise UsageError(f'{context}: there is no user "{user}" (there are: {_names(self.users)})')
        return self.clusters[cluster], self.users[user] if user else None


def find_kubeconfig(named: str | None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files to read: those named, else those of ``$KUBECONFIG``, else ``~/.kube/config``; empty when there is none.

    Files that were named must exist, those of a list in ``$KUBECONFIG`` need not. Raises UsageError.
    """
    if named is not None:
        paths = [Path(named)] if Path(named).exists() else _split(named)
        for path in paths or [Path(named)]:
            if not path.exists():
                raise UsageError(f"kubeconfig {path} does not exist")
        return tuple(paths)
    listed = _split(environ.get("KUBECONFIG", ""))
    home = environ.get("HOME")
    candidates = listed or ([Path(home) / ".kube" / "config"] if home else [])
    return tuple(dict.fromkeys(path for path in candidates if path.exists()))


def where_looked(environ: Mapping[str, str] = os.environ) -> str:
    """Where a kubeconfig was looked for, as text for an error."""
    listed = environ.get("KUBECONFIG", "")
    return f"$KUBECONFIG names {listed}, which does not exist" if listed else "there is no ~/.kube/config"


def read_kubeconfig(paths: Sequence[Path]) -> Kubeconfig:
    """Read and merge: what comes first stays. Raises UsageError for what cannot be read or is no kubeconfig."""
    documents = [(path, _document(path)) for path in paths]
    merged: dict[str, dict[str, Entry]] = {key: {} for key in _KINDS}
    current = ""
    for path, document in documents:
        for key, entries in merged.items():
            for entry in _entries(path, document, key):
                entries.setdefault(entry.name, entry)
        current = current or _current(path, document)
    return Kubeconfig(tuple(paths), merged["clusters"], merged["users"], merged["contexts"], current)


def _document(path: Path) -> Mapping[str, Any]:
    if path.is_dir():
        raise UsageError(f"kubeconfig {path} is a directory: name the file in it")
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"kubeconfig {path} cannot be used: it cannot be read: {_reason(error)}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UsageError(f"kubeconfig {where} cannot be used: {getattr(error, 'problem', None) or error}") from error
    if document is None and path.stat().st_size == 0:
        return {}  # `touch ~/.kube/config`: kubectl takes it for one without contexts
    if not isinstance(document, Mapping):
        raise UsageError(f"kubeconfig {path} cannot be used: it holds {_kind_of(document)}, not a mapping")
    return document


def _entries(path: Path, document: Mapping[str, Any], key: str) -> Iterable[Entry]:
    kind, items = _KINDS[key], document.get(key) or []
    if not isinstance(items, list):
        raise UsageError(f"kubeconfig {path}: {key} must be a list, not {_kind_of(items)}")
    for index, item in enumerate(items):
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str):
            raise UsageError(f"kubeconfig {path}: {key}[{index}] has no name")
        data = item.get(kind) or {}
        if not isinstance(data, Mapping):
            raise UsageError(f"kubeconfig {path}: {key}[{index}].{kind} must be a mapping, not {_kind_of(data)}")
        yield Entry(kind, name, path.absolute(), data)


def _current(path: Path, document: Mapping[str, Any]) -> str:
    current = document.get("current-context") or ""
    if not isinstance(current, str):
        raise UsageError(f"kubeconfig {path}: current-context must be a string, not {_kind_of(current)}")
    return current


def _split(paths: str) -> list[Path]:
    return [Path(path).expanduser() for path in paths.split(os.pathsep) if path]


def _names(entries: Mapping[str, Entry]) -> str:
    return ", ".join(sorted(entries)) or "none"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text"


def _kind_of(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "nothing" if value is None else type(value).__name__)

"""File or text -> documents, and what is wrong with it as YAML."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from probe.model.errors import Location, Problem
from probe.scenario.document import Document, Mark
from probe.scenario.yaml.nodes import Composer, FastLoader, Loader, compose, mark_of
from probe.scenario.yaml.scalars import NULL
from probe.scenario.yaml.values import DocumentBuilder

MAX_BYTES = 8 * 2**20
MAX_VALUES = 200_000  # of a document, after aliases are expanded; more only as the text itself is longer


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds: its non-empty documents, and its problems. ``complete``: it was read to its end."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    complete: bool = True


def read_yaml(path: Path, name: str, *, tolerant: bool = False) -> Reading:
    """Read a file; ``name`` is what problems call it. Never raises for what is in the file or that it is missing."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return _failed(name, None, f"cannot be read: {error.strerror or error}")
    return decode_yaml(data, name, tolerant=tolerant)


def decode_yaml(data: bytes, name: str, *, tolerant: bool = False) -> Reading:
    """Parse the bytes of a file."""
    if len(data) > MAX_BYTES:
        return _failed(name, None, f"is larger than {MAX_BYTES // 2**20} MiB")
    try:
        reading = parse_yaml(data.decode("utf-8-sig"), name, tolerant=tolerant)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        return _failed(name, _mark_at(before, len(before)), "is not UTF-8 text", "save the file as UTF-8")
    digest = hashlib.sha256(data).hexdigest()
    return replace(reading, documents=tuple(replace(document, digest=digest) for document in reading.documents))


def parse_yaml(text: str, name: str, *, tolerant: bool = False) -> Reading:
    """Parse YAML text into documents. After a syntax error, the documents before it are still returned."""
    if FastLoader is not None and (tolerant or "\t" not in text):  # libyaml lets tabs pass that others do not
        reading = _parse(text, name, tolerant, FastLoader)
        if reading.complete and not reading.problems:
            return reading
    return _parse(text, name, tolerant, Loader)  # which says best what is wrong


def _parse(text: str, name: str, tolerant: bool, loader: type[Composer]) -> Reading:
    problems: list[Problem] = []
    documents: list[Document] = []
    complete = False
    lines = text.splitlines()
    most = max(MAX_VALUES, len(text))  # which no text without aliases comes to
    try:
        for node, traps in compose(text, loader):
            if not (isinstance(node, yaml.ScalarNode) and node.tag == NULL):
                documents.append(DocumentBuilder(name, lines, most, traps, tolerant).build(node, problems))
        complete = True
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(error, text, name))
    except yaml.reader.ReaderError as error:
        message = f"the character U+{error.character:04X} is not allowed in YAML"
        problems.append(Problem(Location(name, *_mark_at(text, error.position)), "document", message))
    if not documents and not problems:
        return _failed(name, (1, 1), "holds no document")
    return Reading(tuple(documents), tuple(problems), complete)


def _failed(name: str, mark: Mark | None, message: str, hint: str = "") -> Reading:
    """Nothing was read; without a mark because of the file as a whole."""
    location, what = (Location(name, *mark), "document") if mark else (Location(name), "")
    return Reading((), (Problem(location, what, message, hint),), complete=False)


def _mark_at(text: str, index: int) -> Mark:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML: {error.problem or error.context or 'unknown error'}"
    hint = error.context if error.problem and error.context else ""
    lines = text.splitlines()
    if mark and "'\\t'" in message and mark.line < len(lines):
        message, hint = "not valid YAML: a tab cannot indent or separate", "use spaces"
    return Problem(Location(name, *(mark_of(mark) if mark else (1, 1))), "document", message, hint or "")

"""YAML text -> documents with positions, and every mistake in it as a problem.

PyYAML alone drops positions, takes the last of duplicate keys silently, reads YAML 1.1's booleans, and expands
aliases without a bound. Its scanner, parser and composer are used; values are built here.

Our own files are read strictly: what some reader would take for something else is a problem wherever it stands. Files
that were written for others are read tolerantly: then it is a document's ``Doubt``, for the reader of that field to
judge; the value is what YAML 1.2 says, and of duplicate keys the last counts, as for most readers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from probe.model.errors import Location, Problem
from probe.scenario.document import Document, Doubt, FieldPath, Mark, format_path
from probe.scenario.scalars import BOOL, FLOAT, INT, MERGE, NULL, STR, TAG, core_tag, scalar_value, trap

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 60
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
    if _FastLoader is not None and (tolerant or "\t" not in text):  # libyaml lets tabs pass that others do not
        reading = _parse(text, name, tolerant, _FastLoader)
        if reading.complete and not reading.problems:
            return reading
    return _parse(text, name, tolerant, _Loader)  # which says best what is wrong


def _parse(text: str, name: str, tolerant: bool, loader: type[_Composer]) -> Reading:
    problems: list[Problem] = []
    documents: list[Document] = []
    complete = False
    lines = text.splitlines()
    most = max(MAX_VALUES, len(text))  # which no text without aliases comes to
    try:
        for node, traps in _compose(text, loader):
            if not (isinstance(node, yaml.ScalarNode) and node.tag == NULL):
                documents.append(_Builder(name, lines, most, traps, tolerant).build(node, problems))
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


def _mark(mark: Any) -> Mark:
    return mark.line + 1, mark.column + 1


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML: {error.problem or error.context or 'unknown error'}"
    hint = error.context if error.problem and error.context else ""
    lines = text.splitlines()
    if mark and "'\\t'" in message and mark.line < len(lines):
        message, hint = "not valid YAML: a tab cannot indent or separate", "use spaces"
    return Problem(Location(name, *(_mark(mark) if mark else (1, 1))), "document", message, hint or "")


# --- composing: text -> nodes --------------------------------------------------------------------------------------


Traps: TypeAlias = dict[int, tuple[str, str]]
"""Message and hint for scalars that YAML 1.1 and 1.2 read differently, by the id of their node."""


class _Composer(yaml.composer.Composer):
    """Composes nodes with tags of YAML 1.2, notes where 1.1 differs, and bounds the depth."""

    def __init__(self) -> None:
        super().__init__()
        self.traps: Traps = {}
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self._peek().start_mark
            raise yaml.composer.ComposerError(None, None, f"nested more than {MAX_DEPTH} levels deep", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def compose_scalar_node(self, anchor: Any) -> Any:
        plain = self._peek().implicit[0]
        node = super().compose_scalar_node(anchor)
        if plain:
            found = trap(node.value, node.tag)
            if found:
                self.traps[id(node)] = found
            if node.tag != MERGE:
                node.tag = core_tag(node.value)
        return node

    def _peek(self) -> Any:
        return self.peek_event()  # type: ignore[attr-defined]


class _Loader(_Composer, yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.resolver.Resolver):
    """Reads text in Python, with messages that say what is wrong."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        _Composer.__init__(self)
        yaml.resolver.Resolver.__init__(self)


try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # PyYAML was built without libyaml
    _FastLoader: type[_Composer] | None = None
else:

    class _LibyamlLoader(_Composer, CParser, yaml.resolver.Resolver):
        """Reads text with libyaml: several times as fast, with messages that say little."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            _Composer.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    _FastLoader = _LibyamlLoader


def _compose(text: str, make: Any) -> Iterator[tuple[Any, Traps]]:
    loader = make(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node, loader.traps
            loader.traps = {}
    finally:
        loader.dispose()


# --- building: nodes -> values with positions ----------------------------------------------------------------------


class _TooLarge(Exception):
    """The document's aliases expand to too much, or refer to themselves."""


@dataclass(slots=True)
class _Builder:
    file: str
    lines: list[str]
    most: int
    traps: Traps
    tolerant: bool
    keys: dict[FieldPath, Location] = field(default_factory=dict)
    values: dict[FieldPath, Location] = field(default_factory=dict)
    literals: dict[FieldPath, Location] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    active: set[int] = field(default_factory=set)
    count: int = 0

    def build(self, node: yaml.Node, problems: list[Problem]) -> Document:
        """The document of a root node; its mistakes go to ``problems``."""
        start = _mark(node.start_mark)
        try:
            value = self._value(node, ())
        except _TooLarge as error:
            value = None
            self.problems = [Problem(Location(self.file, *start), "document", str(error))]
            self.doubts = []
        problems += self.problems
        return Document(self.file, value, self.keys, self.values, self.literals, start, tuple(self.doubts))

    def _value(self, node: Any, path: FieldPath) -> Any:
        self.count += 1
        if self.count > self.most:
            raise _TooLarge(f"its aliases expand to more than {self.most:,} values")
        if id(node) in self.active:
            raise _TooLarge("an alias stands inside of what it stands for")
        self.values.setdefault(path, self._at(node))
        self.active.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                self._check_tag(node, path, TAG + "seq")
                return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self.active.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        self._report_trap(node, path)
        if node.style == "|":
            self._note_literal(node, path)
        if self._check_tag(node, path, STR, INT, FLOAT, BOOL, NULL):
            try:
                return scalar_value(node.value, node.tag)
            except ValueError as error:
                self._problem(node, path, str(error))
        return str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        self._check_tag(node, path, TAG + "map")
        result: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                merged.append(value_node)
                continue
            key = self._key(key_node, path)
            if key in result:
                self._report_duplicate(key_node, (*path, key), key)
                if not self.tolerant:
                    continue
                self._forget((*path, key))
            self.keys[(*path, key)] = self._at(key_node)
            result[key] = self._value(value_node, (*path, key))
        for source in merged:
            self._merge(source, path, result)
        return result

    def _merge(self, source: yaml.Node, path: FieldPath, result: dict[str, Any]) -> None:
        """``<<``: what is written in the mapping itself wins, then the first of several sources."""
        if isinstance(source, yaml.SequenceNode):
            for item in source.value:
                self._merge(item, path, result)
        elif isinstance(source, yaml.MappingNode):
            for key_node, value_node in source.value:
                if key_node.tag == MERGE:
                    continue
                key = self._key(key_node, path)
                if key not in result:
                    self.keys[(*path, key)] = self._at(key_node)
                    result[key] = self._value(value_node, (*path, key))
            for key_node, value_node in source.value:
                if key_node.tag == MERGE:
                    self._merge(value_node, path, result)
        else:
            self._problem(source, path, "<< can only merge mappings", "write << : *anchor of a mapping")

    def _key(self, node: yaml.Node, path: FieldPath) -> str:
        self._report_trap(node, (*path, str(node.value)))
        if not isinstance(node, yaml.ScalarNode):
            self._problem(node, path, "a key must be a string")
            return f"<{len(self.keys)}>"
        if node.tag != STR:
            said = f"the key {node.value or 'null'} is not a string"
            self._doubt(node, path, said, f'write "{node.value}"')
        return str(node.value)

    def _note_literal(self, node: yaml.Node, path: FieldPath) -> None:
        """Where the text of a literal block begins: indented as its first line with text is."""
        first = node.start_mark.line + 1
        for index, line in enumerate(node.value.splitlines()):
            if line.strip() and first + index < len(self.lines):
                column = len(self.lines[first + index].rstrip()) - len(line.rstrip()) + 1
                self.literals[path] = Location(self.file, first + 1, column)
                return

    def _report_trap(self, node: yaml.Node, path: FieldPath) -> None:
        found = self.traps.pop(id(node), None)  # once, however many aliases stand for it
        if found:
            self._doubt(node, path, *found)

    def _report_duplicate(self, node: yaml.Node, path: FieldPath, key: str) -> None:
        hint = f"first written in line {self.keys[path].line}"
        self._doubt(node, path, f'duplicate key "{key}"', hint, duplicate=True)

    def _forget(self, path: FieldPath) -> None:
        """Positions of a value that does not count."""
        for marks in (self.keys, self.values, self.literals):
            for at in [at for at in marks if at[: len(path)] == path]:
                del marks[at]

    def _check_tag(self, node: yaml.Node, path: FieldPath, *allowed: str) -> bool:
        if node.tag in allowed:
            return True
        said = f"the tag {node.tag.replace(TAG, '!!')} is not supported"
        self._doubt(node, path, said, "remove it")
        return False

    def _problem(self, node: yaml.Node, path: FieldPath, message: str, hint: str = "") -> None:
        self.problems.append(self._said(node, path, message, hint))

    def _doubt(self, node: yaml.Node, path: FieldPath, message: str, hint: str, *, duplicate: bool = False) -> None:
        """What some readers take differently: a problem, unless that is for others to judge."""
        problem = self._said(node, path, message, hint)
        if self.tolerant:
            self.doubts.append(Doubt(path, problem, duplicate))
        else:
            self.problems.append(problem)

    def _at(self, node: yaml.Node) -> Location:
        return Location(self.file, *_mark(node.start_mark))

    def _said(self, node: yaml.Node, path: FieldPath, message: str, hint: str) -> Problem:
        return Problem(self._at(node), format_path(path) or "document", message, hint)

"""Nodes -> a document: values with positions, and every mistake in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from probe.model.errors import Location, Problem
from probe.scenario.document import Document, Doubt, FieldPath, format_path
from probe.scenario.yaml.nodes import Traps, mark_of
from probe.scenario.yaml.scalars import BOOL, FLOAT, INT, MERGE, NULL, STR, TAG, scalar_value


class _TooLarge(Exception):
    """The document's aliases expand to too much, or refer to themselves."""


@dataclass(slots=True)
class DocumentBuilder:
    """Makes one document. ``lines`` are the text's, ``most``: so many values at most; the others are its result."""

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
        start = mark_of(node.start_mark)
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
        return Location(self.file, *mark_of(node.start_mark))

    def _said(self, node: yaml.Node, path: FieldPath, message: str, hint: str) -> Problem:
        return Problem(self._at(node), format_path(path) or "document", message, hint)

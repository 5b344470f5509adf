"""Text -> nodes: PyYAML's scanners and parsers, with tags of YAML 1.2 and a bound on the depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from probe.scenario.document import Mark
from probe.scenario.yaml.scalars import MERGE, core_tag, trap

MAX_DEPTH = 60

Traps: TypeAlias = dict[int, tuple[str, str]]
"""Message and hint for scalars that YAML 1.1 and 1.2 read differently, by the id of their node."""


def mark_of(mark: Any) -> Mark:
    """A mark of PyYAML's, which counts from 0."""
    return mark.line + 1, mark.column + 1


class Composer(yaml.composer.Composer):
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


class Loader(Composer, yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.resolver.Resolver):
    """Reads text in Python, with messages that say what is wrong."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        Composer.__init__(self)
        yaml.resolver.Resolver.__init__(self)


try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # PyYAML was built without libyaml
    FastLoader: type[Composer] | None = None
else:

    class _LibyamlLoader(Composer, CParser, yaml.resolver.Resolver):
        """Reads text with libyaml: several times as fast, with messages that say little."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    FastLoader = _LibyamlLoader


def compose(text: str, make: Any) -> Iterator[tuple[Any, Traps]]:
    """The root node of each document, by a loader of a type. Raises yaml.YAMLError."""
    loader = make(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node, loader.traps
            loader.traps = {}
    finally:
        loader.dispose()

"""docs/lint.md taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Section:
    """A rule's: its level and summary, what it says of the example, and the example as it should be."""

    level: str
    text: str
    example: str
    said: str
    better: str


@dataclass(frozen=True)
class Page:
    """The manifests that all examples are about, and the rules."""

    shop: str
    rules: Mapping[str, Section]


def read_page(path: Path) -> Page:
    head, *sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    shop = next(section for section in sections if section.startswith("The shop"))
    rules = {}
    for section in sections[sections.index(shop) + 1 :]:
        title, _, body = section.partition("\n")
        example, said, better = (block for _, block in blocks(body))
        level, text = re.match(r"\s*`(\w+)`: (.*?)\n\n```", body, re.DOTALL).groups()  # type: ignore[union-attr]
        rules[title] = Section(level, text, example, said, better)
    ((_, manifests),) = blocks(shop)
    assert head.startswith("# ")
    return Page(manifests, rules)


def blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks: language and content."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


PAGE = read_page(Path(__file__).parents[2] / "docs" / "lint.md")

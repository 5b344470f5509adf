"""Text from a cluster as Markdown and HTML that mean nothing by it: GitHub's and GitLab's dialects.

Beside what CommonMark reads (``*``, ``<b>``, tables) these sites make links of addresses and notify whoever is behind
an ``@name``; a comment in the middle, which they show as nothing, keeps them from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from probe.report.text import safe

_MARKS = re.compile(r"([\\`*_{}\[\]|~#$])")
_LINKS = re.compile(r"(@|:(?=//)|www(?=\.))", re.IGNORECASE)
_NOTHING = "<!-- -->"


def escaped(text: str) -> str:
    """One line that is shown as it is, in a paragraph, an item of a list or a table's cell."""
    return _LINKS.sub(rf"\1{_NOTHING}", _MARKS.sub(r"\\\1", _html(text)))


def html_escaped(text: str) -> str:
    """The same within an HTML element such as ``<summary>``, where Markdown is not read."""
    return _LINKS.sub(rf"\1{_NOTHING}", _html(text))


def _html(text: str) -> str:
    return safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fenced(lines: Iterable[str]) -> list[str]:
    """Lines shown as they are, in columns of one width. The fence is longer than any in them."""
    shown = list(lines)
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *shown, fence]


def row(cells: Sequence[str]) -> str:
    """A line of a table, of texts that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def table_head(names: Sequence[str]) -> list[str]:
    """A table's first two lines."""
    return [row(names), row(["---"] * len(names))]

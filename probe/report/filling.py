"""JSON text whose long lists are written item by item, since the plain data of a large run is ten times as large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def filled(text: str, key: str, lists: Iterable[Iterable[str]], indent: str = "") -> Iterator[str]:
    """Pieces of ``text`` in which the empty lists called ``key`` have their items, which are JSON texts themselves.

    With ``indent`` each item has a line of its own. Raises ValueError unless there are as many lists as in ``text``.
    """
    # Quotes within strings are escaped, so that only keys match.
    first, *rest = text.split(f'"{key}": []')
    yield first
    for items, after in zip(lists, rest, strict=True):
        yield f'"{key}": ['
        between = f"\n{indent}" if indent else ""
        for item in items:
            yield between + item
            between = f",\n{indent}" if indent else ", "
        yield (f"\n{indent[:-2]}]" if indent and between.startswith(",") else "]") + after

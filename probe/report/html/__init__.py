"""The ``html`` format: one self-contained page for people who never open the JSON.

Python decides what is said and hands it over as plain data; the page's own script only filters, folds and draws it.
Everything that came from a cluster goes through ``safe`` and autoescaping on the way into the document, and into the
DOM as text alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from probe.model.record import RunRecord
from probe.report.render import RenderOptions


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The page, piece by piece. The template engine is loaded only for it."""
    from probe.report.html.page import pieces as written

    yield from written(record, options)

"""Puts the page together: template, style, script, words and data, in one document without a single outside address."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from probe.model.record import RunRecord
from probe.report.html.answer import answer
from probe.report.html.cells import Texts
from probe.report.html.data import data_pieces
from probe.report.html.embed import content_security_policy, embedded
from probe.report.html.spread import spread
from probe.report.html.watch import watch_views
from probe.report.latency import latencies
from probe.report.render import RenderOptions

SCRIPTS = ("dom", "cells", "filters", "matrix", "evidence", "policies", "flows", "graph", "blast", "print", "main")
"""In the order in which they are put together: each uses what those before it define."""


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The document, piece by piece; what a person reads first comes first."""
    texts = Texts()
    yield from document(
        "page.html",
        program(),
        answer=answer(record),
        latencies=[spread(each) for each in latencies(record)],
        watches=watch_views(record),
        data=map(Markup, data_pieces(record, texts)),
        texts=(Markup(embedded(texts.all())) for _ in range(1)),  # only once the data is written
    )


def document(template: str, script: str = "", **values: Any) -> Iterator[str]:
    """A page of ours, piece by piece: a template with the style, this script alone (or none), and its values."""
    style = stylesheet()
    policy = content_security_policy(style, script)
    yield from _template(template).generate(policy=policy, style=Markup(style), script=Markup(script), **values)


@cache
def stylesheet() -> str:
    """The text of the page's one style element."""
    return _static("page.css")


@cache
def program() -> str:
    """The text of the page's one script element."""
    return f'"use strict";\n(() => {{\n{"".join(_static(f"{name}.js") for name in SCRIPTS)}}})();\n'


def _static(name: str) -> str:
    return resources.files("probe.report.html").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("probe.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)

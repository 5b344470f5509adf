"""What stands in the page: no data ends its element, and only our own style and script are let run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

from probe.model.record import RunRecord
from probe.report.html import pieces
from probe.report.html.embed import embedded
from probe.report.html.page import program, stylesheet
from probe.report.render import RenderOptions

HOSTILE = "</script><script>alert(1)</script><!--\"'&\u2028\u202e]]>"


def page(record: RunRecord) -> str:
    return "".join(pieces(record, RenderOptions()))


class Elements(HTMLParser):
    """Tags with their attributes, and the texts of styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"style": [], "script": []}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.texts:
            self.texts[self._open].append(data)


def test_embedded_json_holds_no_markup_and_reads_back() -> None:
    text = embedded({"name": HOSTILE})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"name": HOSTILE}


def test_the_policy_names_exactly_the_style_and_the_script_of_the_page(red: RunRecord) -> None:
    found = Elements(page(red))
    policy = next(attributes["content"] for tag, attributes in found.tags if attributes.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    (style,) = found.texts["style"]
    *_, script = found.texts["script"]
    for kind, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_the_page_has_no_inline_handler_no_inline_style_and_no_address_to_load(red: RunRecord) -> None:
    for tag, attributes in Elements(page(red)).tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "#").startswith(("#", "data:,")), tag


def test_the_script_makes_markup_of_nothing() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(", program()
    )


def test_hostile_texts_add_no_element(build: Any) -> None:
    def record(evil: str) -> RunRecord:
        cells = build.mesh(
            (f"a/b{evil.replace('/', '')}", "c/d"), seen=lambda cell: {"expected": "deny", "outcome": "connected"}
        )
        step = build.step(cells, name=evil, description=evil, changes=[evil], problems=[evil], completed=False)
        made: RunRecord = build.run(build.scenario(step, name=evil, file=evil, description=evil, pods=[]), notes=[evil])
        return made

    tame, hostile = (Elements(page(record(evil))) for evil in ("x", HOSTILE))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in tame.tags]


def test_the_pages_own_weight_is_small(build: Any) -> None:
    empty = page(build.run())
    assert len(empty.encode()) < 100_000
    assert stylesheet() in empty

"""Text from a cluster in Markdown: read back by a CommonMark parser with GitHub's tables."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from probe.report.markup import escaped, fenced, html_escaped, row, table_head

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = (
    "a|b",
    "a\\|b\\",
    "`code` ``",
    "*strong* _weak_ ~~gone~~ __very__",
    "[link](https://example.com) ![image](x)",
    "<img src=x onerror=alert(1)> <!-- -- > &amp; &lt; &#124;",
    "</td></details><h1>",
    "# heading",
    "$x$ {{ x }}",
    "cc @everyone www.example.com https://example.com me@example.com",
    "]]> --> '\"",
)


class Words(HTMLParser):
    """The text of a page, and the tags around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    paragraph = Words(MARKDOWN.render(f"said: {escaped(text)}"))
    assert (paragraph.text.strip(), paragraph.tags) == (f"said: {text}", ["p"])
    item = Words(MARKDOWN.render(f"- {escaped(f'x {text}')}\n"))
    assert (item.text.strip(), item.tags) == (f"x {text}", ["ul", "li"])


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_stays_in_its_place_of_a_table(text: str) -> None:
    page = Words(MARKDOWN.render("\n".join([*table_head(["one", "two"]), row([escaped(text), "end"])])))
    assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert "".join(page.text.split()) == "".join(f"onetwo{text}end".split())


@pytest.mark.parametrize("text", HOSTILE)
def test_text_in_an_element_is_shown_as_it_is(text: str) -> None:
    page = Words(MARKDOWN.render(f"<details><summary>{html_escaped(text)}</summary>\n\nbody\n\n</details>\n"))
    assert page.tags == ["details", "summary", "p"]
    assert "".join(page.text.split()) == "".join(f"{text}body".split())


@pytest.mark.parametrize("text", ["@everyone", "https://example.com", "WWW.example.com", "me@example.com"])
def test_nobody_is_notified_and_nothing_becomes_a_link(text: str) -> None:
    for written in (escaped(text), html_escaped(text)):
        assert text not in written
        assert written.replace("<!-- -->", "") == text


def test_a_fence_is_longer_than_any_within() -> None:
    lines = ["a", "```", "`````", "<b>"]
    page = MARKDOWN.parse("\n".join(fenced(lines)))
    assert [(token.type, token.content) for token in page] == [("fence", "\n".join(lines) + "\n")]

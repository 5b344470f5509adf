"""Comments that silence rules, where they stand and whom they mean."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Lint

TEXT = """\
{first}apiVersion: networking.k8s.io/v1{object}
kind: NetworkPolicy
metadata: {{name: p, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  ingress:
    - ports:
{above}        - {{port: 8080, endPort: 8080}}{line}
        - {{port: 9090, endPort: 9090}}
"""
RULE = "end-port-without-effect"


def lines_left(lint_text: Lint, **comments: str) -> tuple[list[int], int]:
    """The lines in which the rule still finds something, from that of the first port, and how many are ignored."""
    text = TEXT.format(**({"first": "", "object": "", "above": "", "line": ""} | comments))
    report = lint_text(text)
    first = text.splitlines().index(next(line for line in text.splitlines() if "8080" in line)) + 1
    found = [each.location.line - first for each in report.findings if each.rule == RULE]
    return found, sum(each.rule == RULE for each in report.ignored)


@pytest.mark.parametrize(
    ("comments", "left"),
    [
        ({}, [0, 1]),
        ({"line": " # cni-probe: ignore"}, [1]),
        ({"line": f" # cni-probe: ignore={RULE}"}, [1]),
        ({"line": f" # cni-probe: ignore=redundant-port, {RULE}"}, [1]),
        ({"line": " # cni-probe: ignore=redundant-port"}, [0, 1]),
        ({"line": " # see the docs for cni-probe: ignored lines"}, [0, 1]),
        ({"above": "        # cni-probe: ignore\n"}, [1]),
        ({"object": " # cni-probe: ignore"}, []),
        ({"first": f"# cni-probe: ignore={RULE}\n"}, []),
        ({"first": "# cni-probe: ignore=redundant-port\n"}, [0, 1]),
    ],
)
def test_where_a_comment_reaches(lint_text: Lint, comments: dict[str, str], left: list[int]) -> None:
    assert lines_left(lint_text, **comments) == (left, 2 - len(left))


def test_a_comment_behind_something_is_about_that_line_only(lint_text: Lint) -> None:
    text = TEXT.format(first="", object="", above="", line="").replace("- ports:", "- ports: # cni-probe: ignore")
    assert len([each for each in lint_text(text).findings if each.rule == RULE]) == 2


def test_mistakes_that_the_server_would_refuse_can_be_silenced_too(lint_text: Lint) -> None:
    text = TEXT.format(first="", object=" # cni-probe: ignore=invalid", above="", line="").replace(
        "port: 9090", "prt: 9"
    )
    report = lint_text(text)
    assert "invalid" not in {each.rule for each in report.findings}
    assert "invalid" in {each.rule for each in report.ignored}

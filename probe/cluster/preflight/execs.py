"""Whether an exec comes through to the API server, proxies included."""

from __future__ import annotations

import json

from probe.cluster.preflight.finding import Finding, ok, problem, warning
from probe.cluster.preflight.look import Answer

_CHECK = "exec"


def judge_exec(answer: Answer | None) -> list[Finding]:
    """How an exec into a pod that is not there was answered: Kubernetes says 404, in its own words."""
    if answer is None:
        return [
            problem(
                _CHECK,
                "a WebSocket to the API server is not answered, though other requests are",
                "let whatever stands between pass WebSockets on (HTTP/1.1 Upgrade)",
            )
        ]
    status = _status(answer.text)
    if status is not None and answer.status in (403, 401):
        return [warning(_CHECK, f"may not be tried: {status}", "see the permissions above")]
    if status is not None and answer.status == 404:
        return [ok(_CHECK, "answered by Kubernetes itself (that a command runs, only --create shows)")]
    if answer.status == 101:
        return [ok(_CHECK, "WebSockets come through")]
    if answer.status >= 500:
        return [warning(_CHECK, f"an exec is answered {answer.status}", "the server is busy or starting: try again")]
    said = status or " ".join(answer.text.split())[:80]
    return [
        problem(
            _CHECK,
            f"an exec is answered {answer.status} and not as Kubernetes does: {said!r}",
            "a proxy in between does not pass WebSockets on: allow HTTP/1.1 Upgrade there, or go around it (no_proxy)",
        )
    ]


def _status(text: str) -> str | None:
    """The message of a Status of Kubernetes, or None for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("kind") != "Status":
        return None
    return str(found.get("message", ""))

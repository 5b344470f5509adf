"""What can go wrong with a request to an API server, as ``probe.model.errors`` has it."""

from __future__ import annotations

import json

from probe.model.errors import ClusterError

_MAX_TEXT = 500


class ApiError(ClusterError):
    """The API server answered with an error ``Status``; ``code`` is the HTTP status, ``reason`` its reason.

    ``wait`` is how long the server asks to wait before another try, in seconds; None when it does not say.
    """

    def __init__(self, what: str, code: int, reason: str, message: str, wait: float | None = None) -> None:
        said = message or reason or str(code)
        super().__init__(f"{what}: {said}" if what else said)
        self.code = code
        self.reason = reason
        self.message = message
        self.wait = wait


class LoginRefused(ApiError):
    """401: the API server does not take our credentials, renewed ones included."""


class Unreachable(ClusterError):
    """The API server could not be reached, or did not answer to the end."""


class WatchExpired(ClusterError):
    """A watch's resourceVersion is too old (410 Gone): list again."""


def api_error(what: str, code: int, text: str, retry_after: str = "") -> ApiError | WatchExpired:
    """The error that an answer with an error status stands for. ``text`` is its body, a ``Status`` or anything."""
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    message = str(status.get("message") or "") or _plain(text)
    if code == 410:
        return WatchExpired(f"{what}: {message}")
    details = status.get("details")
    asked = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    wait = float(retry_after) if retry_after.isdecimal() else float(asked) if isinstance(asked, int) else None
    if not status:
        message = f"{code} {message}".strip()
    return ApiError(what, code, str(status.get("reason") or ""), message, wait)


def _plain(text: str) -> str:
    """A body that is no Status, as one short line: a page of HTML says nothing to a terminal."""
    stripped = " ".join(text.split())
    return f"an HTML page, {stripped[:80]!r}" if stripped.startswith("<") else stripped[:_MAX_TEXT]

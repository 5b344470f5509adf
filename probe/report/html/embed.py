"""What may stand in the page: data that cannot end its script element, and hashes that let only our own code run."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def embedded(data: Any, *, spaced: bool = False) -> str:
    """JSON for a ``<script type="application/json">``: as text of HTML it holds no markup, whatever is in ``data``."""
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(data, separators=separators, allow_nan=False).translate(_ESCAPES)


def source_hash(text: str) -> str:
    """A source expression of the Content Security Policy (CSP Level 3, hash-source) for an inline element's text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def content_security_policy(style: str, script: str) -> str:
    """Nothing is loaded and nothing is sent; exactly this style and this script (or none) apply. ``data:`` is the empty
    icon."""
    return "; ".join((
        "default-src 'none'",
        f"style-src {source_hash(style)}",
        *([f"script-src {source_hash(script)}"] if script else []),
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip

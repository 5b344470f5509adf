"""Did-you-mean hints."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_FEW = 8


def near_miss(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, if any."""
    known = sorted(set(candidates))
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return lowered[near[0]]
    longer = [candidate for candidate in known if len(word) > 2 and candidate.startswith(word)]
    return longer[0] if len(longer) == 1 else None


def suggest(word: str, candidates: Iterable[str]) -> str:
    """``did you mean "frontend"?`` for a near miss, else the candidates when they are few, else nothing."""
    known = sorted(set(candidates))
    near = near_miss(word, known)
    if near:
        return f'did you mean "{near}"?'
    if known and len(known) <= _FEW:
        return ("known: " if len(known) > 1 else "the only one: ") + ", ".join(known)
    return ""


def suggest_id(name: str, candidates: Iterable[str]) -> str:
    """As ``suggest`` for ``namespace/pod``: only the last part is compared, within the same namespace."""
    prefix, _, last = name.rpartition("/")
    same = [candidate for candidate in candidates if candidate.rpartition("/")[0] == prefix]
    hint = suggest(last, [candidate.rpartition("/")[2] for candidate in same])
    return hint.replace('"', f'"{prefix}/', 1) if hint.startswith("did") else hint

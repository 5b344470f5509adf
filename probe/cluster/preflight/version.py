"""The API server's version: what a run uses of it, and since when that is there."""

from __future__ import annotations

import re

from probe.cluster.preflight.finding import Finding, ok, problem, warning

_CHECK = "version"
_NEEDED = (1, 22)
"""Server-side apply; ``ip_unprivileged_port_start`` as a safe sysctl."""
_SUPPORTED = (1, 25)
"""PodSecurity admission by namespace labels."""


def judge_version(text: str) -> list[Finding]:
    """``text`` is the gitVersion: ``v1.32.0-eks-1234``."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    if found is None:
        return [warning(_CHECK, f"the API server calls its version {text!r}", "Kubernetes 1.25 or newer is needed")]
    version = int(found[1]), int(found[2])
    if version < _NEEDED:
        return [problem(_CHECK, f"{text} is too old: it lacks what a run uses", "use Kubernetes 1.25 or newer")]
    if version < _SUPPORTED:
        return [warning(_CHECK, f"{text} is older than what is supported", "use Kubernetes 1.25 or newer")]
    return [ok(_CHECK, text)]

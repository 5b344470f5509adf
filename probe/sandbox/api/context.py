"""What every handler of the API server needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from probe.model.cell import Family
from probe.sandbox.api.auth.rbac import Rbac
from probe.sandbox.api.resources import SERVED, Served
from probe.sandbox.api.tokens import Tokens
from probe.sandbox.runtime import Runtime
from probe.sandbox.store import Store

KUBERNETES_VERSION: Final = "1.33"
"""The version whose API this server follows; kubectl of 1.32 to 1.34 has no objection to it."""


@dataclass(frozen=True, slots=True)
class Context:
    """One API server's parts. ``families`` are the cluster's, the first one preferred."""

    store: Store
    runtime: Runtime
    tokens: Tokens
    rbac: Rbac
    families: tuple[Family, ...] = (Family.IPV4,)
    bookmark_seconds: float = 30.0
    served: Served = SERVED


CONTEXT: Final = web.AppKey("context", Context)

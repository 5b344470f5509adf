"""Creating pods in namespaces of a moment ago, which may still wait for their default service account.

The controller manager makes it when it gets there, and until then admission refuses pods. Where many namespaces are new
at once that takes seconds, and whoever asks again and again only keeps it waiting longer: so one pod of each namespace
asks, less and less often, and the others come after it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from probe.cluster.api import Api, ApiError, Json
from probe.model.errors import DeployError

_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class PodCreator:
    """Creates pods, at most as many at a time as ``requests`` allows."""

    api: Api
    requests: asyncio.Semaphore
    _waiting: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def create(self, namespace: str, body: Json, timeout: float) -> Json:
        """The pod as created. Raises ApiError; DeployError if after ``timeout`` seconds there is no account yet."""
        deadline = time.monotonic() + timeout
        if (created := await self._unless_too_early(namespace, body)) is not None:
            return created
        async with self._waiting.setdefault(namespace, asyncio.Lock()):
            pause = _PAUSE_SECONDS
            while (created := await self._unless_too_early(namespace, body)) is None:
                if time.monotonic() > deadline:
                    raise DeployError(
                        f"namespace {namespace} has no default service account after {timeout:g} s, and so pods are "
                        "refused: does the controller manager run?"
                    )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            return created

    async def _unless_too_early(self, namespace: str, body: Json) -> Json | None:
        async with self.requests:
            try:
                return await self.api.create(f"/api/v1/namespaces/{namespace}/pods", body)
            except ApiError as error:
                if error.code == 403 and "serviceaccount" in error.message and "not found" in error.message:
                    return None
                raise

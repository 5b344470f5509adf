"""The end of an object: a deletion is over when the object is gone, not when it was asked for."""

from __future__ import annotations

import asyncio
import time

from probe.cluster.api import Api, ApiError
from probe.model.errors import ClusterError

GONE_SECONDS = 60.0
"""For how long that is waited for."""


async def until_gone(api: Api, path: str, uid: str) -> None:
    """Wait until the object with this UID is gone. Raises ClusterError if it is still there after `GONE_SECONDS`."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        try:
            if (await api.get(path))["metadata"]["uid"] != uid:
                return
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if time.monotonic() > deadline:
            raise ClusterError(f"{path} is still there {GONE_SECONDS:g} s after its deletion")
        await asyncio.sleep(0.05)

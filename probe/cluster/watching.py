"""A watch that outlives its connections: windows, resumption, and what is no event.

See "Efficient detection of changes" in the Kubernetes API concepts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import aiohttp

from probe.cluster.apierrors import ApiError, Unreachable, WatchExpired
from probe.cluster.requesting import Requests, is_passing
from probe.cluster.retry import BUSY
from probe.model.errors import ClusterError

_WINDOW_SECONDS = 240
QUIET_SECONDS = 25.0
"""How long a watch may say nothing. Below a server's bookmarks (about a minute): a connection that a firewall has
dropped looks just as quiet as a cluster in which nothing happens, and asking anew costs one request."""
_PAUSE = 0.2
_MOST_GARBAGE = 5


class _Garbage(Exception):
    """A line that is no event."""


async def watch(
    requests: Requests, path: str, version: str, query: Mapping[str, str], quiet: float = QUIET_SECONDS
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield ``(type, object)`` from the resourceVersion ``version`` on, until the caller stops.

    Raises WatchExpired when the version is too old, ApiError for another refusal, Unreachable when the server
    stays away, ClusterError when what it sends are no events. Bookmarks are not yielded.
    """
    window = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WINDOW_SECONDS)}
    tries, garbage = requests.patience.tries(), 0
    while True:
        try:
            parameters = dict(query) | window | {"resourceVersion": version}
            async with requests.streaming(path, parameters, quiet) as response:
                async for kind, obj in _events(f"watch {path}", response):
                    version = obj.get("metadata", {}).get("resourceVersion", version)
                    tries.began_anew()
                    garbage = 0
                    if kind != "BOOKMARK":
                        yield kind, obj
            tries.began_anew()  # a window in which nothing happened was a good one
        except (ApiError, Unreachable) as error:
            if not (is_passing(error) or (isinstance(error, ApiError) and error.code == BUSY)):
                raise
            await tries.pause_after(error)
        except _Garbage as line:  # perhaps the server was cut off in the middle of it
            garbage += 1
            if garbage >= _MOST_GARBAGE:
                raise ClusterError(
                    f"watch {path}: what comes are no events of a Kubernetes API server; does a proxy stand between? "
                    f"Last: {line.args[0]!r}"
                ) from None
        await asyncio.sleep(_PAUSE)


async def _events(what: str, response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The events of one connection, until it ends, breaks or falls silent: each is resumed from where it was.

    Raises WatchExpired or ApiError for an event that is an error, _Garbage for what is no event.
    """
    while True:
        try:
            line = await response.content.readline()
        except ValueError:  # longer than the buffer, which holds any object that etcd takes
            raise _Garbage("a line without an end") from None
        except (aiohttp.ClientError, OSError):
            return
        if not line:
            return
        if line.strip():
            yield _event(what, line)


def _event(what: str, line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        event = json.loads(line)
        kind, obj = event["type"], event["object"]
        if not isinstance(obj, dict) or not isinstance(kind, str):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise _Garbage(line[:80].decode(errors="replace")) from None
    if kind == "ERROR":
        code, message = obj.get("code", 0), str(obj.get("message", ""))
        raise WatchExpired(f"{what}: {message or 'expired'}") if code == 410 else ApiError(what, code, "", message)
    return kind, obj

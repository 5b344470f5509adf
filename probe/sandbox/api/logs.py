"""``pods/log``: what a container wrote, with the parameters of kubectl logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import bad_request, method_not_allowed
from probe.sandbox.api.exec import container_of
from probe.sandbox.api.request import Target, flag, number
from probe.sandbox.runtime import ContainerNotRunning, LogLine, LogStream

_PLAIN: Final = {"Content-Type": "text/plain"}


async def serve_log(ctx: Context, target: Target, request: web.Request) -> web.StreamResponse:
    """GET of a log. Raises ApiError 400, NotFound."""
    if request.method != "GET":
        raise method_not_allowed()
    query = request.query
    pod = ctx.store.get("pods", target.namespace, target.name or "")
    container = container_of(pod, query)
    choice = _Choice(query)
    try:
        log = ctx.runtime.logs(pod["metadata"]["uid"], container, previous=flag(query, "previous"))
    except ContainerNotRunning as error:
        raise bad_request(str(error)) from None
    if flag(query, "follow"):
        return await _follow(request, log, choice)
    body = b"".join(map(choice.text, choice.of(log.snapshot())))
    return web.Response(body=body[: choice.limit], headers=_PLAIN)


class _Choice:
    """Which lines are wanted, and how they are written."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._tail = number(query, "tailLines")
        self._timestamps = flag(query, "timestamps")
        self._since = query.get("sinceTime", "")
        self.limit = number(query, "limitBytes")
        if (seconds := number(query, "sinceSeconds")) is not None:
            self._since = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        if self._tail is not None and self._tail < 0:
            raise bad_request("tailLines: Invalid value: must be greater than or equal to 0")

    def of(self, lines: Sequence[LogLine]) -> Sequence[LogLine]:
        # RFC 3339 in UTC sorts as text.
        kept = [line for line in lines if line.time >= self._since]
        return kept if self._tail is None else kept[len(kept) - min(self._tail, len(kept)) :]

    def text(self, line: LogLine) -> bytes:
        return f"{line.time} ".encode() + line.data if self._timestamps else line.data


async def _follow(request: web.Request, log: LogStream, choice: _Choice) -> web.StreamResponse:
    """The chosen lines so far, then every new one, until the container ends or the client goes."""
    existing = log.snapshot()
    skip = len(existing) - len(choice.of(existing))
    response = web.StreamResponse(headers=_PLAIN)
    await response.prepare(request)
    lines = log.follow()
    try:
        async for line in lines:
            if skip:
                skip -= 1
            else:
                await response.write(choice.text(line))
    except ConnectionError:
        pass  # the client has gone
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()
    return response

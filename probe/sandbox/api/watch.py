"""Watches: newline-delimited events from a resourceVersion on, as metav1.WatchEvent.

An event is encoded once for all watchers of the same form; pending events go out in one write.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import ApiError, from_store
from probe.sandbox.api.forms import Form, encode
from probe.sandbox.api.request import Target, flag, number, revision
from probe.sandbox.api.selectors import Match, matcher
from probe.sandbox.store import Event, Expired, Obj, Subscription

_BACKLOG: Final = 20_000
"""Events that wait for a slow reader; when there are more, it is told 410 and has to list again."""
_DEFAULT_SECONDS: Final = (1800.0, 3600.0)
_INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}


class _Watch:
    def __init__(self, ctx: Context, target: Target, request: web.Request, form: Form) -> None:
        query = request.query
        fields = query.get("fieldSelector", "")
        if target.name is not None:
            fields = ",".join(filter(None, (fields, f"metadata.name={target.name}")))
        self._match: Match | None = matcher(target.resource, query.get("labelSelector", ""), fields)
        self._ctx, self._target, self._form = ctx, target, form
        self._first = True
        self._bookmarks = flag(query, "allowWatchBookmarks")
        self._since = revision(query.get("resourceVersion"))
        asked = query.get("sendInitialEvents")
        self._initial = flag(query, "sendInitialEvents") if asked else not self._since
        self._mark_initial_end = bool(asked) and self._initial
        seconds = number(query, "timeoutSeconds") or random.uniform(*_DEFAULT_SECONDS)
        self._deadline = asyncio.get_running_loop().time() + seconds

    def open(self) -> tuple[Subscription, bytes]:
        """The subscription, and what exists already. Raises Expired. One atomic step: nothing falls in between."""
        plural = self._target.resource.plural
        if not self._initial and self._since:
            return self._ctx.store.subscribe(plural, since=self._since, limit=_BACKLOG), b""
        subscription = self._ctx.store.subscribe(plural, initial=False, limit=_BACKLOG)
        parts: list[bytes] = []
        if self._initial:
            for obj in self._ctx.store.list(plural, self._target.namespace):
                if self._match is None or self._match(obj):
                    parts.append(self._line("ADDED", obj, {}))
        if self._mark_initial_end and self._bookmarks:
            parts.append(self._bookmark(_INITIAL_END))
        return subscription, b"".join(parts)

    async def run(self, subscription: Subscription, response: web.StreamResponse) -> None:
        """Write events until the time is up. Raises Expired when the reader is too slow."""
        loop = asyncio.get_running_loop()
        while (now := loop.time()) < self._deadline:
            try:
                async with asyncio.timeout_at(min(self._deadline, now + self._ctx.bookmark_seconds)):
                    events = await subscription.batch()
            except TimeoutError:
                # A bookmark must not overtake an event that came at the last moment.
                if self._bookmarks and not subscription.pending:
                    await response.write(self._bookmark({}))
                continue
            if data := b"".join(self._lines(events)):
                await response.write(data)

    def _lines(self, events: list[Event]) -> Iterator[bytes]:
        namespace = self._target.namespace
        for event in events:
            if namespace is not None and event.obj["metadata"].get("namespace") != namespace:
                continue
            if kind := self._kind(event):
                yield self._line(kind, event.obj, event.encoded)

    def _kind(self, event: Event) -> str | None:
        """What the change is to this watcher: an object can enter and leave a selection without coming or going."""
        if self._match is None:
            return event.type
        before = event.previous is not None and self._match(event.previous)
        after = event.type != "DELETED" and self._match(event.obj)
        if after:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def _line(self, kind: str, obj: Obj, encoded: dict[str, bytes]) -> bytes:
        if self._first:
            self._first = False
            data = encode(self._form.one(obj))
        elif (known := encoded.get(self._form.name)) is not None:
            data = known
        else:
            data = encoded[self._form.name] = encode(self._form.one(obj, first=False))
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), data)

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        meta: Obj = {"resourceVersion": str(self._ctx.store.revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        return encode({"type": "BOOKMARK", "object": self._form.bookmark(meta)}) + b"\n"


async def watch(ctx: Context, target: Target, request: web.Request, form: Form) -> web.StreamResponse:
    """Serve a watch until its time is up or the client goes. Raises ApiError 400 before the first byte."""
    watching = _Watch(ctx, target, request, form)
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    try:
        subscription, existing = watching.open()
    except Expired as error:
        await response.prepare(request)
        await response.write(_error(from_store(error)))
        return response
    async with subscription:
        await response.prepare(request)
        if existing:
            await response.write(existing)
        try:
            await watching.run(subscription, response)
        except Expired as error:
            await response.write(_error(from_store(error)))
        except ConnectionError:
            pass  # the client has gone
    return response


def _error(error: ApiError) -> bytes:
    return encode({"type": "ERROR", "object": error.status}) + b"\n"

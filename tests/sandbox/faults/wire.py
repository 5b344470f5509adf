"""A wire to an API server on which things go wrong: a proxy that ends TLS, so that it sees requests, and can be told
to cut, refuse, swallow, delay or answer them itself.

Requests are read one by one (clients do not pipeline), so that an answer of the wire's own can take the place of the
server's. Whatever follows an upgrade is passed on as bytes. Everything runs in the event loop of the test: a fault is
switched on and off between two of its steps, never in the middle of one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import trustme
import yaml

Json: TypeAlias = dict[str, Any]
_CHUNK = 1 << 16
_STEP = 0.1


@dataclass(frozen=True)
class Request:
    """What a client asked for. ``path`` has the query; ``body`` is its bytes."""

    method: str
    path: str
    head: bytes
    body: bytes

    @property
    def is_exec(self) -> bool:
        return "/exec?" in self.path

    @property
    def is_watch(self) -> bool:
        return "watch=true" in self.path

    @property
    def is_upgrade(self) -> bool:
        return b"\r\nupgrade:" in self.head.lower()


@dataclass(frozen=True)
class Answer:
    """What the wire answers by itself."""

    status: int
    body: Json
    headers: str = ""

    def encode(self) -> bytes:
        text = json.dumps(self.body).encode() + b"\n"
        head = f"HTTP/1.1 {self.status} Wire\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        return f"{head}{self.headers}\r\n".encode() + text


def refusal(code: int, reason: str, message: str, headers: str = "") -> Answer:
    """An error Status, as an API server sends it."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return Answer(code, status | {"code": code}, headers)


@dataclass(eq=False)
class Connection:
    """One client's connection, and the one to the server that belongs to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    up_reader: asyncio.StreamReader
    up_writer: asyncio.StreamWriter
    request: Request | None = None  # the latest
    last_byte: float = 0.0
    waits: bool = False

    def abort(self) -> None:
        """Break it, as if both ends had vanished."""
        for writer in (self.writer, self.up_writer):
            writer.transport.abort()


@dataclass
class Wire:
    """The wire and its faults, all of which are off at first.

    ``answer`` may answer in the server's place; ``before`` is called before a request goes on; ``delay`` is seconds
    that each request waits; ``swallow``: what matches is neither passed on nor answered, in either direction;
    ``cut_at``: bytes in an answer at which its connection breaks, in the middle of them, once; ``idle``: seconds after
    which a quiet connection is dropped. ``seen`` are all requests, ``passed`` those that reached the server;
    ``dropped``: the latest of each connection that was cut in an answer or dropped for being quiet.
    """

    kubeconfig: Path
    answer: Callable[[Request], Answer | None] = lambda request: None
    before: Callable[[Request], None] = lambda request: None
    swallow: Callable[[Request], bool] = lambda request: False
    delay: float = 0.0
    cut_at: bytes = b""
    idle: float = 0.0
    seen: list[Request] = field(default_factory=list)
    passed: list[Request] = field(default_factory=list)
    dropped: list[Request | None] = field(default_factory=list)
    _connections: set[Connection] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _port: int = 0
    _listen: Callable[[int], Any] = field(default=lambda port: None)

    @classmethod
    @asynccontextmanager
    async def to(cls, kubeconfig: Path, directory: Path) -> AsyncIterator[Wire]:
        """A wire to the server that ``kubeconfig`` names, with a kubeconfig of its own in ``directory``."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        target = urlsplit(cluster["server"])
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster.pop("certificate-authority-data")).decode())
        authority = trustme.CA()
        own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(own)
        wire = cls(directory / "kubeconfig")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                up = await asyncio.open_connection(target.hostname, target.port, ssl=trust)
            except OSError:
                writer.transport.abort()
                return
            await wire._carry(Connection(reader, writer, *up))

        def listen(port: int) -> Any:
            return asyncio.start_server(connected, "127.0.0.1", port, ssl=own, limit=1 << 20)

        wire._listen = listen
        await wire.restore()
        cluster["server"] = f"https://127.0.0.1:{wire._port}"
        cluster["certificate-authority-data"] = base64.b64encode(authority.cert_pem.bytes()).decode()
        wire.kubeconfig.write_text(yaml.safe_dump(config))
        try:
            yield wire
        finally:
            wire.go_away()
            await asyncio.gather(*wire._tasks, return_exceptions=True)

    def count(self, method: str, path: str) -> int:
        """How many requests with this method and ``path`` in theirs have reached the server."""
        return sum(each.method == method and path in each.path for each in self.passed)

    def cut(self, which: Callable[[Request], bool] = lambda request: True) -> int:
        """Break the connections whose latest request matches; how many."""
        cut = [each for each in self._connections if each.request is not None and which(each.request)]
        for connection in cut:
            connection.abort()
        return len(cut)

    def go_away(self) -> None:
        """As a server that ends: nobody listens, and every connection breaks."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()

    async def restore(self) -> None:
        """Listen again, at the same port."""
        self._server = await self._listen(self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def be_away(self, seconds: float) -> None:
        """Go away now, and come back by itself."""
        self.go_away()

        async def come_back() -> None:
            await asyncio.sleep(seconds)
            await self.restore()

        self._spawn(come_back())

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _carry(self, connection: Connection) -> None:
        self._connections.add(connection)
        connection.last_byte = asyncio.get_running_loop().time()
        tasks = [self._spawn(self._requests(connection)), self._spawn(self._answers(connection))]
        if self.idle:
            tasks.append(self._spawn(self._drop_when_idle(connection)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            connection.abort()

    async def _drop_when_idle(self, connection: Connection) -> None:
        """Counts steps of which each begins when the one before is over: while this process did not get to run, nobody
        in it could say anything either."""
        quiet, heard = 0.0, connection.last_byte
        while quiet < self.idle:
            await asyncio.sleep(_STEP)
            quiet = 0.0 if connection.waits or connection.last_byte > heard else quiet + _STEP
            heard = connection.last_byte
        self.dropped.append(connection.request)

    async def _requests(self, connection: Connection) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _read_request(connection.reader)
                connection.request = request
                self.seen.append(request)
                self.before(request)
                if self.delay:
                    connection.waits = True
                    await asyncio.sleep(self.delay)
                    connection.waits, connection.last_byte = False, asyncio.get_running_loop().time()
                if (answer := self.answer(request)) is not None:
                    connection.writer.write(answer.encode())
                    await connection.writer.drain()
                    continue
                await self._while_swallowed(connection)
                self.passed.append(request)
                connection.up_writer.write(request.head + request.body)
                await connection.up_writer.drain()
                if request.is_upgrade:
                    await self._copy(connection, connection.reader, connection.up_writer)
                    return

    async def _answers(self, connection: Connection) -> None:
        await self._copy(connection, connection.up_reader, connection.writer, answers=True)

    async def _copy(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._while_swallowed(connection)
                connection.last_byte = asyncio.get_running_loop().time()
                if answers and self.cut_at and (at := data.find(self.cut_at)) >= 0:
                    self.cut_at = b""
                    writer.write(data[: at + 1])
                    await writer.drain()
                    self.dropped.append(connection.request)
                    return
                writer.write(data)
                await writer.drain()

    async def _while_swallowed(self, connection: Connection) -> None:
        assert connection.request is not None
        if self.swallow(connection.request):
            await asyncio.Event().wait()  # what was swallowed does not come back: only the connection's end ends this


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return Request(method, path, head, await reader.readexactly(length))

"""TLS to real servers: whom we trust, what we show, and a clear word for each way that it fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from probe.cluster.api import Api, Unreachable
from probe.cluster.connect import connect
from probe.model.errors import UsageError
from tests.cluster.support import Server, data, kubeconfig, server_context, version

AUTHORITY = trustme.CA()


@asynccontextmanager
async def to(
    directory: Path, server: Server, cluster: dict[str, Any], user: dict[str, Any] | None = None
) -> AsyncIterator[Api]:
    async with connect(str(kubeconfig(directory, {"server": server.url} | cluster, user)), request_timeout=5) as api:
        yield api


async def test_an_authority_as_data_or_as_a_file(tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.crt")
    ways = [{"certificate-authority-data": data(AUTHORITY.cert_pem)}, {"certificate-authority": "ca.crt"}]
    async with Server.start(version, server_context(AUTHORITY)) as server:
        for way in ways:
            async with to(tmp_path, server, way) as api:
                assert (await api.get("/version"))["gitVersion"] == "v1.34.0"


async def test_a_server_that_the_authority_does_not_know(tmp_path: Path) -> None:
    async with Server.start(version, server_context(AUTHORITY)) as server:
        async with to(tmp_path, server, {"certificate-authority-data": data(trustme.CA().cert_pem)}) as api:
            with pytest.raises(Unreachable, match=r"is not trusted: .*; cluster \"c\" of .* has another authority"):
                await api.get("/version")
        async with to(tmp_path, server, {}) as api:
            with pytest.raises(Unreachable, match=r"is not trusted: .*; set certificate-authority in cluster \"c\""):
                await api.get("/version")


async def test_a_certificate_that_has_expired(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    context = server_context(AUTHORITY, not_before=long_ago - timedelta(days=1), not_after=long_ago)
    trust = {"certificate-authority-data": data(AUTHORITY.cert_pem)}
    async with Server.start(version, context) as server, to(tmp_path, server, trust) as api:
        with pytest.raises(Unreachable, match=r"certificate has expired; the cluster's administrator"):
            await api.get("/version")


async def test_a_certificate_for_another_name_and_the_remedy(tmp_path: Path) -> None:
    trust = {"certificate-authority-data": data(AUTHORITY.cert_pem)}
    async with Server.start(version, server_context(AUTHORITY, "api.example")) as server:
        async with to(tmp_path, server, trust) as api:
            with pytest.raises(Unreachable, match=r"is not valid for.*set tls-server-name in cluster \"c\""):
                await api.get("/version")
        async with to(tmp_path, server, trust | {"tls-server-name": "api.example"}) as api:
            assert await api.get("/version")


async def test_insecure_trusts_anybody(tmp_path: Path) -> None:
    context = server_context(AUTHORITY, "api.example")
    async with (
        Server.start(version, context) as server,
        to(tmp_path, server, {"insecure-skip-tls-verify": True}) as api,
    ):
        assert await api.get("/version")


async def test_an_http_server_where_https_is_expected(tmp_path: Path) -> None:
    async with Server.start(version) as server:
        cluster = {"server": server.url.replace("http:", "https:")}
        async with to(tmp_path, server, cluster) as api:
            with pytest.raises(Unreachable, match=r"does not speak TLS; is the server's URL http:// and not https://"):
                await api.get("/version")


async def test_an_https_server_where_http_is_expected(tmp_path: Path) -> None:
    async with Server.start(version, server_context(AUTHORITY)) as server:
        cluster = {"server": server.url.replace("https:", "http:")}
        async with to(tmp_path, server, cluster) as api:
            with pytest.raises(Unreachable, match=r"without an answer; is the server's URL https:// and not http://"):
                await api.get("/version")


async def test_a_server_that_is_not_there_fails_at_once(tmp_path: Path) -> None:
    async with Server.start(version) as server:
        pass
    async with to(tmp_path, server, {}) as api, asyncio.timeout(20):
        with pytest.raises(Unreachable, match=r"cannot reach the API server http://127.0.0.1:\d+: .*refused"):
            await api.get("/version")


async def test_a_name_that_is_not_known(tmp_path: Path) -> None:
    async with Server.start(version) as server, to(tmp_path, server, {"server": "http://nowhere.invalid"}) as api:
        with pytest.raises(Unreachable, match=r"the name in http://nowhere.invalid is not known"):
            await api.get("/version")


def client_server(shown: list[str]) -> tuple[Any, ssl.SSLContext]:
    """A server that wants client certificates, and notes whose it saw."""
    context = server_context(AUTHORITY)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        names = request.transport.get_extra_info("peercert")["subjectAltName"]
        shown.append(names[0][1])
        return await version(request)

    return answer, context


async def test_a_client_certificate_as_data_or_as_files(tmp_path: Path) -> None:
    shown: list[str] = []
    answer, context = client_server(shown)
    mine = AUTHORITY.issue_cert("me@example.org")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "me.crt")
    mine.private_key_pem.write_to_path(tmp_path / "me.key")
    users = [
        {"client-certificate-data": data(mine.cert_chain_pems[0]), "client-key-data": data(mine.private_key_pem)},
        {"client-certificate": "me.crt", "client-key": str(tmp_path / "me.key")},
    ]
    async with Server.start(answer, context) as server:
        for user in users:
            async with to(tmp_path, server, {"certificate-authority-data": data(AUTHORITY.cert_pem)}, user) as api:
                await api.get("/version")
    assert shown == ["me@example.org"] * 2


async def test_a_client_certificate_that_is_missing_or_none(tmp_path: Path) -> None:
    answer, context = client_server([])
    trust = {"certificate-authority-data": data(AUTHORITY.cert_pem)}
    async with Server.start(answer, context) as server:
        async with to(tmp_path, server, trust) as api:
            with pytest.raises(Unreachable, match=r"wants? a client certificate"):
                await api.get("/version")
        garbage = {"client-certificate-data": data(b"garbage"), "client-key-data": data(b"garbage")}
        async with to(tmp_path, server, trust, garbage) as api:
            with pytest.raises(UsageError, match=r"user \"u\" of .*: the client certificate cannot be used"):
                await api.get("/version")


@pytest.mark.parametrize("field", ["certificate-authority-data", "certificate-authority"])
async def test_an_authority_that_is_none(tmp_path: Path, field: str) -> None:
    (tmp_path / "garbage").write_text("garbage")
    value = data(b"garbage") if field.endswith("data") else "garbage"
    with pytest.raises(UsageError, match=r"cluster \"c\" of .*: the certificate authority cannot be used"):
        async with connect(str(kubeconfig(tmp_path, {"server": "https://127.0.0.1:1", field: value}))):
            pass
    with pytest.raises(UsageError, match=r"certificate-authority .*gone cannot be read"):
        async with connect(
            str(kubeconfig(tmp_path, {"server": "https://127.0.0.1:1", "certificate-authority": "gone"}))
        ):
            pass

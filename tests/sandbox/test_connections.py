"""Our client on the embedded cluster, by the ways that lead to real ones: proxies, other names, many kubeconfigs."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml

from probe.cluster.api import Api, ApiError, Unreachable
from probe.cluster.connect import Manners, connect
from probe.cluster.exec import NoUpgrade, exec_stream, run_in_pod
from probe.model.errors import ClusterError
from probe.sandbox.launch import Sandbox
from tests.cluster.connect_proxy import Proxy
from tests.sandbox.faults.wire import Answer, Wire, refusal
from tests.sandbox.kube import Kube

pytestmark = pytest.mark.sandbox
NAME = "api.cluster.example"


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def changed(sandbox: Sandbox, directory: Path, **cluster: Any) -> str:
    """The sandbox's kubeconfig with other fields of its cluster."""
    config = yaml.safe_load(sandbox.kubeconfig.read_text())
    config["clusters"][0]["cluster"] |= {key.replace("_", "-"): value for key, value in cluster.items()}
    (directory / "kubeconfig").write_text(yaml.safe_dump(config))
    return str(directory / "kubeconfig")


@asynccontextmanager
async def proxy_to(sandbox: Sandbox, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    url = urlsplit(sandbox.server)
    assert url.hostname is not None
    assert url.port is not None
    async with Proxy.to(url.hostname, url.port, tls) as proxy:
        yield proxy


@pytest.fixture
async def pod(kube: Kube, namespace: str) -> str:
    await kube.pod(namespace, "agent", "80/TCP")
    return namespace


async def hello(api: Api, namespace: str) -> str:
    ran = await run_in_pod(api, namespace, "agent", "agent", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (ran.code, ran.stderr) == (3, "err")
    return ran.stdout.decode()


async def test_requests_and_exec_take_the_kubeconfigs_proxy(sandbox: Sandbox, pod: str, tmp_path: Path) -> None:
    async with proxy_to(sandbox) as proxy:
        # A name that nobody knows: only through the proxy is there a way to it.
        config = changed(
            sandbox, tmp_path, server=f"https://{NAME}:6443", proxy_url=f"http://{proxy.address}",
            tls_server_name="localhost",
        )  # fmt: skip
        async with connect(config) as api:
            assert (await api.get("/api/v1/nodes"))["items"]
            assert await hello(api, pod) == "out\n"
    assert set(proxy.asked) == {f"CONNECT {NAME}:6443 HTTP/1.1"}
    assert len(proxy.asked) == 2


async def test_they_take_the_environments_proxy_unless_no_proxy_says_else(
    sandbox: Sandbox, pod: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_to(sandbox) as proxy:
        config = changed(sandbox, tmp_path, server=f"https://{NAME}:6443", tls_server_name="localhost")
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        async with connect(config) as api:
            assert await hello(api, pod) == "out\n"
        assert proxy.asked == [f"CONNECT {NAME}:6443 HTTP/1.1"]
        monkeypatch.setenv("NO_PROXY", ".cluster.example")
        async with connect(config) as api:
            with pytest.raises(Unreachable, match=f"the name in https://{NAME}:6443 is not known"):
                await api.get("/version")


async def test_a_proxy_with_a_password_and_tls_of_its_own(sandbox: Sandbox, pod: str, tmp_path: Path) -> None:
    """The proxy's certificate is held against the cluster's authority, as kubectl does."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    async with proxy_to(sandbox, context) as proxy:
        proxy.login = "me:secret"
        both = base64.b64decode(yaml.safe_load(sandbox.kubeconfig.read_text())["clusters"][0]["cluster"][
            "certificate-authority-data"]) + authority.cert_pem.bytes()  # fmt: skip
        options = {"certificate_authority_data": base64.b64encode(both).decode()}
        url = f"https://me:secret@localhost:{proxy.port}"
        async with connect(changed(sandbox, tmp_path, proxy_url=url, **options)) as api:
            assert await hello(api, pod) == "out\n"
            await api.get("/version")
        url = f"https://me:wrong@localhost:{proxy.port}"
        async with connect(changed(sandbox, tmp_path, proxy_url=url, **options)) as api:
            with pytest.raises(Unreachable, match=r"the proxy refuses .*407.*it wants a user and password") as refused:
                await api.get("/version")
            assert "wrong" not in str(refused.value)


async def test_a_proxy_that_refuses_or_is_away(sandbox: Sandbox, tmp_path: Path) -> None:
    async with proxy_to(sandbox) as proxy:
        proxy.refuse = 403
        config = changed(sandbox, tmp_path, proxy_url=f"http://{proxy.address}")
        async with connect(config) as api:
            with pytest.raises(Unreachable, match=r"the proxy refuses to connect .*: 403 No; is the server allowed"):
                await api.get("/version")
            with pytest.raises(ClusterError, match=r"exec in a/b failed: the proxy refuses"):
                await exec_stream(api, "a", "b", "c", ["d"])
    async with connect(config) as api:
        with pytest.raises(Unreachable, match=r"cannot reach the proxy .*Connection refused; check proxy-url"):
            await api.get("/version")


async def test_pings_keep_a_quiet_stream_open_through_a_proxy_that_drops_idle_ones(
    sandbox: Sandbox, pod: str, tmp_path: Path
) -> None:
    async with proxy_to(sandbox) as proxy:
        proxy.idle = 2.4
        config = changed(sandbox, tmp_path, proxy_url=f"http://{proxy.address}")
        async with connect(config, manners=Manners(heartbeat=1.2)) as api:
            stream = await exec_stream(api, pod, "agent", "agent", ["cat"])
            await asyncio.sleep(3.0)  # longer than the proxy waits
            await stream.write(b"still here")
            assert await stream.read() == b"still here"
            await stream.aclose()
        assert proxy.dropped == 0
        async with connect(config, manners=Manners(heartbeat=60)) as api:
            stream = await exec_stream(api, pod, "agent", "agent", ["cat"])
            async with asyncio.timeout(60):
                assert await stream.read() == b""
            await stream.aclose()
        assert proxy.dropped > 0


async def test_a_proxy_that_passes_no_upgrades_is_told_from_a_refusal(
    sandbox: Sandbox, pod: str, tmp_path: Path
) -> None:
    async with Wire.to(sandbox.kubeconfig, tmp_path) as wire, connect(str(wire.kubeconfig)) as api:
        wire.answer = lambda request: Answer(200, {"message": "no upgrades here"}) if request.is_upgrade else None
        with pytest.raises(NoUpgrade, match=r"without opening a stream \(200 .*does not pass WebSocket upgrades"):
            await exec_stream(api, pod, "agent", "agent", ["cat"])
        said = "Upgrade request required"
        wire.answer = lambda request: refusal(400, "BadRequest", said) if request.is_upgrade else None
        with pytest.raises(NoUpgrade, match=r"\(400 Upgrade request required\): a proxy or load balancer"):
            await exec_stream(api, pod, "agent", "agent", ["cat"])
        wire.answer = lambda request: None
        with pytest.raises(ApiError, match=r'exec in \S+ was refused: 404 pods "nobody" not found'):
            await exec_stream(api, pod, "nobody", "agent", ["cat"])
        assert await hello(api, pod) == "out\n"


async def test_a_command_that_does_not_exist_and_one_that_does_not_end(sandbox: Sandbox, pod: str) -> None:
    async with connect(str(sandbox.kubeconfig)) as api:
        ran = await run_in_pod(api, pod, "agent", "agent", ["no-such-command"])
        assert ran.code != 0
        assert "no-such-command" in ran.why
        with pytest.raises(ClusterError, match=r"did not end within 0.3 s"):
            await run_in_pod(api, pod, "agent", "agent", ["sleep", "60"], timeout=0.3)


async def test_a_creation_whose_answer_is_lost_is_found_again(sandbox: Sandbox, tmp_path: Path) -> None:
    labels = {"cni-probe.dev/run": "lost"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lost-answer", "labels": labels}}
    async with Wire.to(sandbox.kubeconfig, tmp_path) as wire, connect(str(wire.kubeconfig)) as api:
        await api.get("/version")
        wire.cut_at = b'"name":"lost-answer"'
        made = await api.create("/api/v1/namespaces", body)
        assert len(wire.dropped) == 1
        assert [request.method for request in wire.passed] == ["GET", "POST", "POST", "GET"]
        with pytest.raises(ApiError) as conflict:
            await api.create("/api/v1/namespaces", body)
        assert conflict.value.code == 409
        wire.passed.clear()
        wire.cut_at = b'"lost-answer"'
        await api.delete("/api/v1/namespaces/lost-answer", uid=made["metadata"]["uid"])
        assert [request.method for request in wire.passed] == ["DELETE", "DELETE"]


async def test_everything_goes_on_when_the_server_was_away(sandbox: Sandbox, pod: str, tmp_path: Path) -> None:
    said: list[str] = []
    async with Wire.to(sandbox.kubeconfig, tmp_path) as wire, connect(str(wire.kubeconfig), notice=said.append) as api:
        pods = await api.get(f"/api/v1/namespaces/{pod}/pods")
        watch = api.watch(f"/api/v1/namespaces/{pod}/pods", pods["metadata"]["resourceVersion"])
        change = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        wire.be_away(2.5)
        path = f"/api/v1/namespaces/{pod}"
        async with asyncio.timeout(60):
            _, _, text = await asyncio.gather(
                api.get(path), api.merge(f"{path}/pods/agent", {"metadata": {"labels": {"x": "y"}}}), hello(api, pod)
            )
            kind, seen = await change
        assert text == "out\n"
        assert kind == "MODIFIED"
        assert seen["metadata"]["labels"] == {"x": "y"}
        await watch.aclose()
    assert len(said) == 2
    assert said[0].endswith("Connection refused; waiting for it, up to 60 s")
    assert said[1].startswith("the API server answers again, after ")

"""Credentials that change, expire and fail: each with real files, real plugins and a server that looks."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.access import Impersonation
from probe.cluster.api import Api, ApiError, LoginRefused
from probe.cluster.connect import Manners, connect
from probe.cluster.credentials import TokenFile
from probe.model.errors import ClusterError, UsageError
from tests.cluster.support import Server, data, kubeconfig, serving, status, version
from tests.cluster.test_tls import AUTHORITY, client_server


class Door:
    """A server that lets in who shows a token out of ``valid``; ``seen`` are all that were shown."""

    def __init__(self, *valid: str) -> None:
        self.valid = set(valid)
        self.seen: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.headers.get("Authorization", ""))
        if self.seen[-1].removeprefix("Bearer ") in self.valid:
            return await version(request)
        return status(401, "Unauthorized")


PLUGIN = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
runs = here / "runs"
number = len(runs.read_text().splitlines()) + 1 if runs.exists() else 1
with runs.open("a") as file:
    file.write(os.environ["KUBERNETES_EXEC_INFO"] + "\\n")
{body}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""
GIVE_TOKEN = 'status = {"token": f"token-{number}"}'


def plugin(directory: Path, body: str = GIVE_TOKEN) -> dict[str, Any]:
    """A user with a credential plugin, a real script; ``body`` makes ``status``, of its ``number`` of runs."""
    script = directory / "bin" / "plugin"
    script.parent.mkdir(exist_ok=True)
    script.write_text(PLUGIN.format(python=sys.executable, body=body))
    script.chmod(0o755)
    return {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/plugin", "interactiveMode": "Never"}
    }


def runs(directory: Path) -> list[dict[str, Any]]:
    """What each run of the plugin was told."""
    return [json.loads(line) for line in (directory / "bin" / "runs").read_text().splitlines()]


@asynccontextmanager
async def let_in(directory: Path, door: Door, user: dict[str, Any]) -> AsyncIterator[Api]:
    async with serving(directory, door.answer, user=user) as api:
        yield api


async def test_a_plugin_is_run_once_for_as_long_as_its_token_lasts(tmp_path: Path) -> None:
    door = Door("token-1")
    async with let_in(tmp_path, door, plugin(tmp_path)) as api:
        for _ in range(3):
            await api.get("/version")
    (told,) = runs(tmp_path)
    assert told["spec"] == {"interactive": False}


async def test_a_token_that_expires_in_the_middle_is_replaced(tmp_path: Path) -> None:
    expiry = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    body = f'{GIVE_TOKEN}\nif number == 1: status["expirationTimestamp"] = "{expiry}"'
    door = Door("token-1", "token-2")
    async with let_in(tmp_path, door, plugin(tmp_path, body)) as api:
        for _ in range(3):
            await api.get("/version")
    assert door.seen == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


async def test_a_token_that_is_refused_is_replaced_once(tmp_path: Path) -> None:
    door = Door("token-2")
    async with let_in(tmp_path, door, plugin(tmp_path)) as api:
        await api.get("/version")
        assert door.seen == ["Bearer token-1", "Bearer token-2"]
        door.valid.clear()
        with pytest.raises(
            LoginRefused, match=r"does not accept user \"u\" .*plugin.*also not those.*log in again with"
        ):
            await api.get("/version")
    assert len(runs(tmp_path)) == 3


async def test_a_plugin_may_be_told_of_the_cluster_and_has_its_own_environment(tmp_path: Path) -> None:
    user = plugin(tmp_path, 'status = {"token": os.environ["MY_TOKEN"] + "".join(sys.argv[1:])}')
    user["exec"] |= {"provideClusterInfo": True, "env": [{"name": "MY_TOKEN", "value": "a"}], "args": ["b", "c"]}
    door = Door("abc")
    async with let_in(tmp_path, door, user) as api:
        await api.get("/version")
        (told,) = runs(tmp_path)
        assert told["spec"]["cluster"] == {"server": api.server}


async def test_a_certificate_from_a_plugin_and_its_successor(tmp_path: Path) -> None:
    shown: list[str] = []
    answer, context = client_server(shown)
    for number in (1, 2):
        leaf = AUTHORITY.issue_cert(f"me{number}@example.org")
        (tmp_path / f"{number}.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
        (tmp_path / f"{number}.key").write_bytes(leaf.private_key_pem.bytes())
    expiry = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    body = f"""
read = lambda kind: (here.parent / f"{{number}}.{{kind}}").read_text()
status = {{"clientCertificateData": read("crt"), "clientKeyData": read("key")}}
if number == 1: status["expirationTimestamp"] = "{expiry}"
"""
    async with Server.start(answer, context) as server:
        cluster = {"server": server.url, "certificate-authority-data": data(AUTHORITY.cert_pem)}
        async with connect(str(kubeconfig(tmp_path, cluster, plugin(tmp_path, body)))) as api:
            for _ in range(3):
                await api.get("/version")
    assert shown[-1] == "me2@example.org"
    assert set(shown) <= {"me1@example.org", "me2@example.org"}


FAILURES = {
    "it fails": (
        'print("session expired: run corp-login", file=sys.stderr); sys.exit(3)',
        r"plugin .*plugin failed with exit code 3; it says: session expired: run corp-login",
    ),
    "it fails silently": ("sys.exit(1)", "failed with exit code 1; it says nothing on stderr"),
    "it prints nonsense": ('print("hello"); sys.exit()', r"printed no ExecCredential, but b'hello"),
    "it gives nothing": ("status = {}", "gave neither a token nor a certificate with its key"),
    "half a certificate": ('status = {"clientCertificateData": "x"}', "neither a token nor a certificate with its key"),
    "no time": (
        'status = {"token": "t", "expirationTimestamp": "soon"}',
        "an expirationTimestamp that is none: 'soon'",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_plugin_that_fails_is_quoted(tmp_path: Path, failure: str) -> None:
    body, said = FAILURES[failure]
    door = Door()
    async with let_in(tmp_path, door, plugin(tmp_path, body)) as api:
        with pytest.raises(ClusterError, match=said):
            await api.get("/version")
    assert door.seen == []


async def test_many_requests_run_a_failing_plugin_once(tmp_path: Path) -> None:
    async with let_in(tmp_path, Door(), plugin(tmp_path, "sys.exit(1)")) as api:
        failures = await asyncio.gather(*(api.get("/version") for _ in range(20)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {ClusterError}
    assert len(runs(tmp_path)) == 1


async def test_a_plugin_that_is_not_installed_is_said_with_its_hint(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin-anywhere"}}
    async with let_in(tmp_path, Door(), user) as api:
        with pytest.raises(
            ClusterError, match=r"no-such-plugin-anywhere is not installed; install it, or put it on PATH"
        ):
            await api.get("/version")
    user["exec"]["installHint"] = "brew install it"
    async with let_in(tmp_path, Door(), user) as api:
        with pytest.raises(ClusterError, match=r"is not installed; brew install it"):
            await api.get("/version")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "exec.apiVersion is .*; supported: "),
        ({"command": ""}, "exec.command is missing"),
        ({"interactiveMode": "Sometimes"}, "exec.interactiveMode is 'Sometimes'; possible: Never"),
        ({"env": [{"value": "x"}]}, "exec.args is a list of words, exec.env one of name and value"),
    ],
)
async def test_a_plugin_that_is_configured_wrongly_is_a_usage_error(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    user = {"exec": plugin(tmp_path)["exec"] | change}
    with pytest.raises(UsageError, match=said):
        async with let_in(tmp_path, Door(), user):
            pass


async def test_what_a_slow_plugin_wants_is_shown_while_it_waits(tmp_path: Path) -> None:
    body = """
import time
print("open https://login.example and enter 1234", file=sys.stderr, flush=True)
while not (here / "done").exists(): time.sleep(0.01)
status = {"token": "t"}
"""
    shown: list[str] = []

    def notice(said: str) -> None:
        shown.append(said)
        (tmp_path / "bin" / "done").touch()

    async with serving(tmp_path, Door("t").answer, user=plugin(tmp_path, body), notice=notice) as api:
        await api.get("/version")
    assert len(shown) == 1
    assert shown[0].endswith("plugin: open https://login.example and enter 1234")


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    """At once when its token is refused, else every few seconds."""
    (tmp_path / "token").write_text("old\n")
    door = Door("old")
    async with let_in(tmp_path, door, {"tokenFile": "token"}) as api:
        await api.get("/version")
        (tmp_path / "token").write_text("new\n")
        door.valid = {"new"}
        await api.get("/version")
    assert door.seen == ["Bearer old", "Bearer old", "Bearer new"]


async def test_a_token_file_is_taken_for_current_for_some_seconds_only(tmp_path: Path) -> None:
    now = 100.0
    path = tmp_path / "token"
    path.write_text("old")
    credentials = TokenFile(path, clock=lambda: now)
    assert await credentials.authorization() == "Bearer old"
    path.write_text("new")
    assert await credentials.authorization() == "Bearer old"
    now += 11
    assert await credentials.authorization() == "Bearer new"
    path.unlink()
    now += 11
    assert await credentials.authorization() == "Bearer new"


async def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    async with let_in(tmp_path, Door(), {"tokenFile": "gone"}) as api:
        with pytest.raises(ClusterError, match=r"token file .*gone cannot be read"):
            await api.get("/version")


async def test_a_token_that_has_expired_says_what_to_do_and_is_looked_for_anew(tmp_path: Path) -> None:
    door = Door("fresh")
    async with serving(tmp_path, door.answer, user={"token": "stale"}) as api:
        with pytest.raises(
            LoginRefused, match=r"does not accept user \"u\" of .*Unauthorized \(401\).*log in to the clus"
        ):
            await api.get("/version")
        kubeconfig(tmp_path, {"server": api.server}, {"token": "fresh"})  # somebody logs in, in another terminal
        await api.get("/version")
    assert door.seen == ["Bearer stale", "Bearer stale", "Bearer fresh"]


async def test_user_and_password(tmp_path: Path) -> None:
    door = Door("Basic bWU6c2VjcmV0")
    async with let_in(tmp_path, door, {"username": "me", "password": "secret"}) as api:
        await api.get("/version")


async def test_the_token_that_kubectl_left_in_an_auth_provider_is_used(tmp_path: Path) -> None:
    door = Door("from-kubectl")
    async with let_in(
        tmp_path, door, {"auth-provider": {"name": "oidc", "config": {"id-token": "from-kubectl"}}}
    ) as api:
        await api.get("/version")
    with pytest.raises(UsageError, match=r"auth-provider \"gcp\" holds no token: let kubectl log in first"):
        async with let_in(tmp_path, door, {"auth-provider": {"name": "gcp"}}):
            pass


async def test_nobody_is_told_to_be_somebody(tmp_path: Path) -> None:
    async with let_in(tmp_path, Door(), {}) as api:
        with pytest.raises(ApiError, match=r"does not accept user \"u\""):
            await api.get("/version")


async def test_requests_are_made_in_the_name_of_another(tmp_path: Path) -> None:
    asked: list[tuple[str | None, list[str]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.headers.get("Impersonate-User"), request.headers.getall("Impersonate-Group", [])))
        return await version(request)

    async with Server.start(answer) as server:
        path = str(kubeconfig(tmp_path, {"server": server.url}, {"token": "t", "as": "from-file", "as-groups": ["g"]}))
        async with connect(path) as api:
            await api.get("/version")
        async with connect(path, impersonation=Impersonation("somebody", ("one", "two")), manners=Manners()) as api:
            await api.get("/version")
    assert asked == [("from-file", ["g"]), ("somebody", ["one", "two"])]

"""Credential plugins of a kubeconfig (``users[].user.exec``): a program that prints a token or a certificate.

Run anew when what it gave expires or is refused, one run at a time. Format: ``client.authentication.k8s.io`` in the
Kubernetes API reference.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from probe.cluster.credentials import ClientCertificate, Credentials, pem
from probe.cluster.kubeconfig import Entry
from probe.model.errors import ClusterError, UsageError

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_MODES = ("Never", "IfAvailable", "Always")
_SECONDS = 60.0
_INTERACTIVE_SECONDS = 600.0
_QUIET_SECONDS = 2.0
"""What a plugin writes to stderr is shown when it takes longer than this: it may ask the user to do something."""
_FAILED_SECONDS = 5.0
"""How long a plugin's failure stands: of many requests at once, one asks the user to log in, not each in its turn."""
_EARLY_SECONDS = 10.0
"""How long before their expiry credentials are renewed (less for those that live shorter than ten times that)."""


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """The plugin as the kubeconfig has it (ExecConfig). ``cluster`` is None unless the plugin asked to be told."""

    where: str
    version: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    mode: str
    install_hint: str
    cluster: Mapping[str, Any] | None

    @classmethod
    def read(cls, user: Entry, cluster: Entry) -> ExecSpec:
        """From a kubeconfig's user. Raises UsageError for what is malformed."""
        raw = user.data["exec"]
        if not isinstance(raw, dict):
            raise UsageError(f"{user}: exec must be a mapping")
        command, version, mode = raw.get("command"), raw.get("apiVersion"), raw.get("interactiveMode") or "IfAvailable"
        if not isinstance(command, str) or not command:
            raise UsageError(f"{user}: exec.command is missing")
        if version not in _VERSIONS:
            raise UsageError(f"{user}: exec.apiVersion is {version!r}; supported: {', '.join(_VERSIONS)}")
        if mode not in _MODES:
            raise UsageError(f"{user}: exec.interactiveMode is {mode!r}; possible: {', '.join(_MODES)}")
        if os.sep in command:  # as the documentation has it; a bare name is looked for on PATH
            command = str(user.file.parent / command)
        try:
            args = tuple(str(word) for word in raw.get("args") or ())
            env = {str(pair["name"]): str(pair["value"]) for pair in raw.get("env") or ()}
        except (TypeError, KeyError) as error:
            raise UsageError(f"{user}: exec.args is a list of words, exec.env one of name and value") from error
        about = _cluster_info(cluster) if raw.get("provideClusterInfo") else None
        return cls(str(user), str(version), command, args, env, mode, str(raw.get("installHint") or ""), about)


def _cluster_info(cluster: Entry) -> dict[str, Any]:
    """What a plugin learns of the cluster (``spec.cluster`` of ExecCredential)."""
    keys = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
    info = {key: cluster.data[key] for key in keys if key in cluster.data}
    authority = pem(cluster, "certificate-authority")
    if authority is not None:
        info["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster.data.get("extensions") or ():
        if isinstance(extension, dict) and extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


@dataclass(frozen=True, slots=True)
class _Issued:
    """What a plugin gave. ``until`` is the time (``time.time()``) to ask again, None for never."""

    token: str = field(repr=False)
    certificate: ClientCertificate | None
    until: float | None


class ExecPlugin(Credentials):
    """Credentials from a plugin. ``notice`` takes lines for the user: what a plugin that waits wants of him."""

    def __init__(
        self, spec: ExecSpec, certificate: ClientCertificate | None = None, notice: Callable[[str], None] | None = None
    ) -> None:
        self._spec, self._certificate, self._notice = spec, certificate, notice
        self._issued: _Issued | None = None
        self._failure: tuple[float, ClusterError] | None = None
        self._turn = asyncio.Lock()
        self.source = f"{spec.where} (credential plugin {spec.command})"
        self.remedy = f"log in again with the tool that {spec.command} belongs to"

    async def authorization(self) -> str | None:
        token = (await self._current()).token
        return f"Bearer {token}" if token else None

    async def certificate(self) -> ClientCertificate | None:
        return (await self._current()).certificate or self._certificate

    async def renew(self) -> bool:
        before = self._issued
        async with self._turn:
            if self._issued is before:  # else another request has done it meanwhile
                self._issued = await self._ask()
        return True

    async def _current(self) -> _Issued:
        async with self._turn:
            if self._issued is None or (self._issued.until is not None and time.time() >= self._issued.until):
                self._issued = await self._ask()
            return self._issued

    async def _ask(self) -> _Issued:
        if self._failure is not None and time.monotonic() - self._failure[0] < _FAILED_SECONDS:
            raise self._failure[1]
        try:
            return _issued(self._spec, await _Run(self._spec, self._notice).output())
        except ClusterError as error:
            self._failure = time.monotonic(), error
            raise


class _Run:
    """One run of a plugin."""

    def __init__(self, spec: ExecSpec, notice: Callable[[str], None] | None) -> None:
        self._spec, self._notice = spec, notice
        self._what = f"{spec.where}: credential plugin {spec.command}"
        self._interactive = spec.mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
        self._stderr: list[str] = []
        self._shown, self._slow = 0, False

    async def output(self) -> bytes:
        """The plugin's stdout. Raises ClusterError when it does not run, fails, or takes too long."""
        if self._spec.mode == "Always" and not self._interactive:
            raise ClusterError(f"{self._what} wants a terminal, and stdin is none: log in beforehand")
        seconds = _INTERACTIVE_SECONDS if self._interactive else _SECONDS
        process = await self._start()
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                showing = group.create_task(self._show_when_slow())
                reading = group.create_task(self._read_stderr(process))
                assert process.stdout is not None
                output = await process.stdout.read()
                await reading
                code = await process.wait()
                showing.cancel()
        except TimeoutError:
            raise ClusterError(f"{self._what} did not end within {seconds:g} s{self._said()}") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if code != 0:
            raise ClusterError(f"{self._what} failed with exit code {code}{self._said()}")
        return output

    async def _start(self) -> asyncio.subprocess.Process:
        spec = self._spec
        about: dict[str, Any] = {"interactive": self._interactive}
        if spec.cluster is not None:
            about["cluster"] = spec.cluster
        info = json.dumps({"apiVersion": spec.version, "kind": "ExecCredential", "spec": about})
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                spec.command, *spec.args, env=os.environ | spec.env | {"KUBERNETES_EXEC_INFO": info},
                stdin=None if self._interactive else asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe,
            )  # fmt: skip
        except OSError as error:
            reason = "is not installed" if isinstance(error, FileNotFoundError) else f"cannot be run: {error.strerror}"
            hint = f"; {spec.install_hint.strip()}" if spec.install_hint else "; install it, or put it on PATH"
            raise ClusterError(f"{self._what} {reason}{hint}") from error

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):  # a line beyond all bounds: nothing to show
            async for line in process.stderr:
                self._stderr.append(line.decode(errors="replace").rstrip())
                if self._slow:
                    self._show()

    async def _show_when_slow(self) -> None:
        await asyncio.sleep(_QUIET_SECONDS)
        self._slow = True
        self._show()

    def _show(self) -> None:
        for line in self._stderr[self._shown :]:
            if self._notice is not None and line:
                self._notice(f"{self._spec.command}: {line}")
        self._shown = len(self._stderr)

    def _said(self) -> str:
        text = "\n".join(self._stderr).strip()
        return f"; it says: {text[-2000:]}" if text else "; it says nothing on stderr"


def _issued(spec: ExecSpec, output: bytes) -> _Issued:
    """The ExecCredential in a plugin's output. Raises ClusterError for anything else."""
    what = f"{spec.where}: credential plugin {spec.command}"
    try:
        answer = json.loads(output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise ClusterError(f"{what} printed no ExecCredential, but {output[:80]!r}")
    if answer.get("apiVersion") != spec.version:
        raise ClusterError(f"{what} speaks {answer.get('apiVersion')}, and the kubeconfig says {spec.version}")
    status = answer.get("status")
    status = status if isinstance(status, dict) else {}
    token, chain, key = (str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData"))
    if bool(chain) != bool(key) or not (token or chain):
        raise ClusterError(f"{what} gave neither a token nor a certificate with its key")
    certificate = ClientCertificate(chain.encode(), key.encode(), what) if chain else None
    return _Issued(token, certificate, _until(what, status.get("expirationTimestamp")))


def _until(what: str, expiry: object) -> float | None:
    if expiry is None:
        return None
    try:
        parsed = datetime.fromisoformat(str(expiry))
    except ValueError as error:
        raise ClusterError(f"{what} gave an expirationTimestamp that is none: {expiry!r}") from error
    now = time.time()
    ends = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return ends - min(_EARLY_SECONDS, max(0.0, ends - now) / 10)

"""Which cluster, and how to get in: what a kubeconfig's context, or the pod that we run in, comes to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yarl import URL

from probe.cluster.credentials import Credentials, TokenFile, client_certificate, fixed
from probe.cluster.execplugin import ExecPlugin, ExecSpec
from probe.cluster.kubeconfig import Entry, Selected, find_kubeconfig, read_kubeconfig, where_looked
from probe.cluster.proxies import proxy_for
from probe.cluster.tls import Trust
from probe.model.errors import UsageError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom to act as (``kubectl --as``); nobody when ``user`` is empty."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""

    def headers(self) -> list[tuple[str, str]]:
        """Request headers, as "User impersonation" in the Kubernetes documentation has them."""
        pairs = [("Impersonate-User", self.user), ("Impersonate-Uid", self.uid)]
        return [pair for pair in pairs if pair[1]] + [("Impersonate-Group", group) for group in self.groups]


@dataclass(frozen=True, slots=True)
class Access:
    """The way to one API server. ``server``: its URL without a slash at the end; ``source``: where all this stands."""

    server: str
    source: str
    trust: Trust = field(default_factory=Trust)
    proxy: URL | None = None
    credentials: Credentials = field(default_factory=Credentials)
    impersonation: Impersonation = field(default_factory=Impersonation)


def find_access(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    impersonation: Impersonation | None = None,
    notice: Notice | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Access:
    """What the arguments, ``$KUBECONFIG``, ``~/.kube/config`` or the pod's own account name. Raises UsageError.

    ``notice`` takes lines of a credential plugin that are meant for the user.
    """
    files = find_kubeconfig(kubeconfig, environ)
    if not files:
        return in_cluster(impersonation, environ)
    return _from_kubeconfig(files, context, impersonation, notice, environ)


def in_cluster(
    impersonation: Impersonation | None = None, environ: Mapping[str, str] = os.environ, account: Path = _ACCOUNT
) -> Access:
    """The service account of the pod that we run in. Raises UsageError when this is no pod, or one without account."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host:
        raise UsageError(
            f"no cluster to talk to: {where_looked(environ)}; "
            "name a kubeconfig with --kubeconfig, or use --sandbox for the embedded cluster"
        )
    authority = account / "ca.crt"
    for path in (account / "token", authority):
        if not path.is_file():
            raise UsageError(
                f"the pod has no service account to use: {path} is missing; "
                "leave automountServiceAccountToken on, or name a kubeconfig with --kubeconfig"
            )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    try:
        trust = Trust(authority.read_bytes(), source=str(authority))
    except OSError as error:
        raise UsageError(f"the pod's service account cannot be used: {error}") from error
    return Access(
        server,
        "the pod's service account",
        trust,
        proxy_for(server, environ=environ),
        TokenFile(account / "token"),
        impersonation or Impersonation(),
    )


def _from_kubeconfig(
    files: Sequence[Path],
    context: str | None,
    impersonation: Impersonation | None,
    notice: Notice | None,
    environ: Mapping[str, str],
) -> Access:
    config = read_kubeconfig(files)
    selected = config.select(context)

    def reload() -> Credentials:
        return _credentials(read_kubeconfig(files).select(selected.context.name), reload, notice)

    server = _server(selected.cluster)
    return Access(
        server,
        str(selected.context),
        Trust.read(selected.cluster) if server.startswith("https:") else Trust(),
        proxy_for(server, selected.cluster.text("proxy-url"), environ),
        _credentials(selected, reload, notice),
        impersonation or _impersonation(selected.user),
    )


def _server(cluster: Entry) -> str:
    text = cluster.text("server").rstrip("/")
    if not text:
        raise UsageError(f"{cluster}: server is missing: the URL of the API server, as https://192.0.2.1:6443")
    try:
        url = URL(text if "://" in text else f"http://{text}")  # without a scheme as kubectl takes it
        _ = url.port
    except ValueError as error:
        raise UsageError(f"{cluster}: server {text!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{cluster}: server {text!r} is no URL of an API server, as https://192.0.2.1:6443 is")
    return str(url).rstrip("/")


def _credentials(selected: Selected, reload: Callable[[], Credentials], notice: Notice | None) -> Credentials:
    """Those of the context's user. A token goes over a plugin, and a token file over a token, as in client-go."""
    user = selected.user
    if user is None:
        return Credentials()
    token_file = user.path("tokenFile")
    if token_file is not None:
        return TokenFile(token_file, client_certificate(user))
    if user.data.get("exec") is not None and not (user.text("token") or user.text("username")):
        return ExecPlugin(ExecSpec.read(user, selected.cluster), client_certificate(user), notice)
    return fixed(user, reload)


def _impersonation(user: Entry | None) -> Impersonation:
    if user is None:
        return Impersonation()
    groups = user.data.get("as-groups") or ()
    if not isinstance(groups, (list, tuple)):
        raise UsageError(f"{user}: as-groups must be a list")
    return Impersonation(user.text("as"), tuple(map(str, groups)), user.text("as-uid"))

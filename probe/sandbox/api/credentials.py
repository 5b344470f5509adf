"""The sandbox's credentials: an authority and a serving certificate, a token, and a kubeconfig."""

from __future__ import annotations

import base64
import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme
import yaml

from probe.sandbox.api.auth.users import ADMIN
from probe.sandbox.net.plan import SERVICES, UNDERLAY

HOSTS: Final = (
    "127.0.0.1",
    "localhost",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    *(str(network[1]) for plan in (SERVICES, UNDERLAY) for network in plan.values()),
)
"""Names of the API server: on the host's loopback, in the cluster as service ``kubernetes``, and where that leads."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM data, and the one user's bearer token. Never printed: ``repr`` shows nothing."""

    ca: bytes
    certificate: bytes
    key: bytes
    token: str

    def __repr__(self) -> str:
        return "Credentials(...)"

    @classmethod
    def make(cls) -> Credentials:
        """New ones, valid for `HOSTS` only."""
        authority = trustme.CA(organization_name="cni-probe sandbox")
        issued = authority.issue_cert(*HOSTS)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return cls(authority.cert_pem.bytes(), chain, issued.private_key_pem.bytes(), secrets.token_urlsafe(32))

    def server_context(self) -> ssl.SSLContext:
        """For the API server's socket."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # OpenSSL reads a chain from files only; this one is private to us and gone at once.
        with tempfile.NamedTemporaryFile(prefix="cni-probe-") as pem:
            pem.write(self.key + self.certificate)
            pem.flush()
            context.load_cert_chain(pem.name)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this server and nobody else."""
        return ssl.create_default_context(cadata=self.ca.decode())


def context_name(sandbox: str) -> str:
    """The kubeconfig's context (and cluster, and user) of a sandbox."""
    return f"cni-probe-{sandbox}"


def write_kubeconfig(path: Path, credentials: Credentials, *, server: str, sandbox: str) -> None:
    """Write a kubeconfig, readable by its owner only, whole or not at all. ``server``: ``https://127.0.0.1:6443``."""
    name = context_name(sandbox)
    user = f"{name}-{ADMIN.name}"
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(credentials.ca).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": credentials.token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": "default"}}],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            yaml.safe_dump(config, file, sort_keys=False)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

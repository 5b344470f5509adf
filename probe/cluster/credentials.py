"""Who we are to an API server: tokens, passwords and client certificates, and where new ones come from.

Credentials are asked before every request, so that they can change in the middle of a long run. Plug-ins have a module
of their own (``execplugin``).
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from probe.cluster.kubeconfig import Entry
from probe.model.errors import ClusterError, UsageError

_REREAD_SECONDS = 10.0
"""How long a token file's content is taken for current. A service account's token lives for an hour or so."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A chain and its key, in PEM. ``source`` says where they come from; never shows the key."""

    chain: bytes
    key: bytes
    source: str

    def __repr__(self) -> str:
        return f"ClientCertificate({self.source})"


class Credentials:
    """Nobody: requests go without credentials. The base of all others.

    ``source`` names them for errors, ``remedy`` says what to do about those that are refused.
    """

    source = "no credentials"
    remedy = "name a user in the kubeconfig's context"

    async def authorization(self) -> str | None:
        """The ``Authorization`` header. Raises ClusterError when it cannot be made."""
        return None

    async def certificate(self) -> ClientCertificate | None:
        """What to show in the TLS handshake. Raises ClusterError when it cannot be had."""
        return None

    async def renew(self) -> bool:
        """Get new ones, after the server refused these; False when there are no others."""
        return False


class FixedCredentials(Credentials):
    """A token or a password as it stands in a kubeconfig, or a client certificate; ``reload`` reads it once more.

    A login in another terminal writes a new token into the kubeconfig: it is looked for when the old one is refused.
    """

    def __init__(
        self, header: str | None, certificate: ClientCertificate | None, source: str, reload: Callable[[], Credentials]
    ) -> None:
        self._header, self._certificate, self._reload = header, certificate, reload
        self.source = source
        self.remedy = "log in to the cluster again, so that the kubeconfig gets credentials that are valid"

    async def authorization(self) -> str | None:
        return self._header

    async def certificate(self) -> ClientCertificate | None:
        return self._certificate

    async def renew(self) -> bool:
        try:
            fresh = self._reload()
        except (ClusterError, UsageError):
            return False  # the file is being rewritten, or gone: what is wrong is still the refusal
        if not isinstance(fresh, FixedCredentials):
            return False
        changed = (fresh._header, fresh._certificate) != (self._header, self._certificate)
        self._header, self._certificate = fresh._header, fresh._certificate
        return changed


class TokenFile(Credentials):
    """A token in a file that somebody else keeps current, as the kubelet does for a pod's service account."""

    def __init__(
        self, path: Path, certificate: ClientCertificate | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._certificate, self._clock = path, certificate, clock
        self._token, self._read = "", 0.0
        self.source = f"token file {path}"
        self.remedy = "check that the file is kept current and that the account still exists"

    async def authorization(self) -> str:
        if not self._token or self._clock() - self._read > _REREAD_SECONDS:
            self._load()
        return f"Bearer {self._token}"

    async def certificate(self) -> ClientCertificate | None:
        return self._certificate

    async def renew(self) -> bool:
        before = self._token
        self._load()
        return self._token != before

    def _load(self) -> None:
        try:
            token = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._token:
                return  # it may be just being replaced; the token that we have may still do
            raise ClusterError(f"{self.source} cannot be read: {error}") from error
        if not token and not self._token:
            raise ClusterError(f"{self.source} is empty")
        self._token, self._read = token or self._token, self._clock()


def fixed(user: Entry, reload: Callable[[], Credentials]) -> FixedCredentials:
    """The credentials that stand in a kubeconfig's user. Raises UsageError for what is unreadable or incomplete."""
    return FixedCredentials(_header(user), client_certificate(user), str(user), reload)


def client_certificate(user: Entry) -> ClientCertificate | None:
    """``client-certificate`` and ``client-key``, from data or files; None when there are none. Raises UsageError."""
    chain, key = pem(user, "client-certificate"), pem(user, "client-key")
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        missing = "client-certificate" if chain is None else "client-key"
        raise UsageError(f"{user}: there is no {missing}, and one is nothing without the other")
    return ClientCertificate(chain, key, str(user))


def pem(entry: Entry, key: str) -> bytes | None:
    """PEM of the field ``<key>-data`` (base64) or of the file that ``<key>`` names. Raises UsageError."""
    data = entry.text(f"{key}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"{entry}: {key}-data cannot be used: it is not base64: {error}") from error
    path = entry.path(key)
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{entry}: {key} {path} cannot be read: {error.strerror}") from error


def _header(user: Entry) -> str | None:
    token = user.text("token") or _provider_token(user)
    if token:
        return f"Bearer {token}"
    if user.text("username"):
        pair = f"{user.text('username')}:{user.text('password')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    return None


def _provider_token(user: Entry) -> str:
    """The token that kubectl left in an ``auth-provider``. Refreshing it is left to kubectl.

    A refresh uses up the refresh token that the kubeconfig holds, and would log the user out.
    """
    provider = user.data.get("auth-provider")
    if provider is None:
        return ""
    name = provider.get("name") if isinstance(provider, dict) else None
    config = provider.get("config") if isinstance(provider, dict) else None
    token = config.get("id-token" if name == "oidc" else "access-token") if isinstance(config, dict) else None
    if not isinstance(token, str) or not token:
        raise UsageError(
            f'{user}: auth-provider "{name}" holds no token: let kubectl log in first (kubectl get --raw /version), '
            "or use an exec credential plugin"
        )
    return token

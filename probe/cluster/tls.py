"""TLS to an API server: whom we trust and what we show, with Go's idea of both.

Certificates that kubectl takes have to do here too: Python 3.13 refuses by default authorities without an authority
key identifier (VERIFY_X509_STRICT), which many clusters have, and older ones refuse an intermediate as an anchor.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass

from probe.cluster.credentials import ClientCertificate, pem
from probe.cluster.kubeconfig import Entry
from probe.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class Trust:
    """Which servers to trust. ``authority``: PEM, None for the system's; ``server_name`` empty for the URL's host."""

    authority: bytes | None = None
    insecure: bool = False
    server_name: str = ""
    source: str = ""

    @classmethod
    def read(cls, cluster: Entry) -> Trust:
        """From a kubeconfig's cluster. Raises UsageError."""
        authority, insecure = pem(cluster, "certificate-authority"), cluster.flag("insecure-skip-tls-verify")
        if authority is not None and insecure:
            raise UsageError(
                f"{cluster}: certificate-authority and insecure-skip-tls-verify contradict each other: remove one"
            )
        return cls(authority, insecure, cluster.text("tls-server-name"), str(cluster))

    def text(self) -> str | None:
        """The authority as text. Raises UnicodeDecodeError when it is no PEM."""
        return None if self.authority is None else self.authority.decode("ascii")

    def context(self) -> ssl.SSLContext:
        """For the sockets of one connection. Raises UsageError when the authority is no certificate."""
        try:
            context = ssl.create_default_context(cadata=self.text())
        except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
            raise UsageError(f"{self.source}: the certificate authority cannot be used: {_reason(error)}") from error
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def show_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Use a client certificate in new connections. Raises UsageError when it cannot be used."""
    # OpenSSL reads a chain from files only; this one is private to us and gone at once.
    with tempfile.NamedTemporaryFile(prefix="cni-probe-") as file:
        file.write(certificate.chain.rstrip() + b"\n" + certificate.key)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"{certificate.source}: the client certificate cannot be used: {_reason(error)}"
            ) from error


def _no_password() -> str:
    raise ValueError("its key is encrypted, and kubeconfig has no place for a passphrase")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error) or "it is no PEM certificate"
    return str(error)

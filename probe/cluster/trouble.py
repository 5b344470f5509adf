"""Errors of sockets, TLS and proxies in words: what happened, to what, and what to do."""

from __future__ import annotations

import os
import ssl

import aiohttp

from probe.cluster.access import Access
from probe.cluster.proxies import without_password

_EXPIRED, _NOT_YET, _WRONG_HOST = 10, 9, (62, 64)
"""X509_V_ERR_* of OpenSSL: the certificate has expired, is not valid yet, is for another host name or address."""


def explain(error: BaseException, access: Access, timeout: float) -> str:
    """A sentence about an exchange with the API server that failed before its end. ``timeout`` in seconds."""
    server, proxy = access.server, access.proxy
    through = f" (through the proxy {without_password(proxy)})" if proxy else ""
    if isinstance(error, TimeoutError):
        return f"{server} did not answer within {timeout:g} s{through}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"cannot reach the proxy to {server}{through}: {_reason(error)}; check proxy-url, or $HTTPS_PROXY"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        hint = "it wants a user and password in its URL" if error.status == 407 else "is the server allowed there?"
        return f"the proxy refuses to connect to {server}{through}: {error.status} {error.message}; {hint}"
    certificate = _verification(error)
    if certificate is not None:
        return f"the certificate of {server}{through} is not trusted: {_about_certificate(certificate, access)}"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return f"TLS with {server}{through} failed: {_about_tls(error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError) and server.startswith("http:"):
        return (
            f"{server}{through} closed the connection without an answer; is the server's URL https:// and not http://?"
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        host = access.server if proxy is None else without_password(proxy)
        return f"cannot reach the API server {server}{through}: the name in {host} is not known: {_reason(error)}"
    return f"cannot reach the API server {server}{through}: {_reason(error)}"


def is_final(error: BaseException) -> bool:
    """Whether trying again is no use, even of a server that answered before: who answers now is not trusted."""
    return _verification(error) is not None


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found: BaseException = error.certificate_error
        return found if isinstance(found, ssl.SSLCertVerificationError) else None
    return error if isinstance(error, ssl.SSLCertVerificationError) else None


def _about_certificate(error: ssl.SSLCertVerificationError, access: Access) -> str:
    said = error.verify_message
    if error.verify_code == _EXPIRED:
        return f"{said}; the cluster's administrator has to renew it (and is this machine's clock right?)"
    if error.verify_code == _NOT_YET:
        return f"{said}; is this machine's clock right?"
    if error.verify_code in _WRONG_HOST:
        return f"{said}; use a name that it is for, or set tls-server-name in {access.trust.source or 'the kubeconfig'}"
    if access.trust.authority is None:
        return f"{said}; set certificate-authority in {access.trust.source or 'the kubeconfig'}"
    return f"{said}; {access.trust.source} has another authority: was the cluster made anew?"


def _about_tls(error: BaseException) -> str:
    text = str(error)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text or "record layer failure" in text:
        return "what answers there does not speak TLS; is the server's URL http:// and not https://?"
    if "CERTIFICATE_REQUIRED" in text.upper().replace(" ", "_"):
        return "it wants a client certificate; set client-certificate and client-key of the kubeconfig's user"
    if "ALERT_CERTIFICATE" in text.upper().replace(" ", "_"):
        return f"it does not take our client certificate ({_reason(error)}); log in again to get a new one"
    return _reason(error)


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", None)
    if isinstance(cause, OSError) and cause.strerror:
        # asyncio's "Connect call failed ('192.0.2.1', 6443)" leaves out what the error number says
        return os.strerror(cause.errno) if isinstance(cause, ConnectionError) and cause.errno else cause.strerror
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer; it may be restarting, or want a client certificate"
    return str(error) or type(error).__name__

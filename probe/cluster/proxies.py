"""Which HTTP proxy leads to an API server: kubeconfig's ``proxy-url``, else the environment as Go programs read it.

Done here because aiohttp reads the environment by Python's rules (no ranges in NO_PROXY, WSS_PROXY for WebSockets),
and requests, watches and exec streams have to take the same way as kubectl's. Rules: golang.org/x/net/http/httpproxy.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

from yarl import URL

from probe.model.errors import UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def proxy_for(server: str, configured: str = "", environ: Mapping[str, str] = os.environ) -> URL | None:
    """The proxy to the URL ``server``, None for the direct way. ``configured`` (``proxy-url``) goes over everything.

    Raises UsageError for a proxy that cannot be used.
    """
    url = URL(server)
    if configured:
        return _proxy_url(configured, "proxy-url")
    names = ("HTTPS_PROXY", "https_proxy") if url.scheme == "https" else ("HTTP_PROXY", "http_proxy")
    name = next((name for name in names if environ.get(name)), None)
    if name is None or _is_direct(url, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    return _proxy_url(environ[name], f"${name}")


def without_password(url: URL) -> str:
    """The URL as it may be shown."""
    return str(url.with_user(None)) if url.user else str(url)


def _proxy_url(text: str, source: str) -> URL:
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError as error:
        raise UsageError(f"{source} is no URL: {error}") from error
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        raise UsageError(
            f"{source}: {without_password(url)} cannot be used: only http:// and https:// proxies are supported"
        )
    return url


def _is_direct(url: URL, no_proxy: str) -> bool:
    """Whether NO_PROXY, or being this machine itself, keeps a URL from the proxy."""
    host = (url.host or "").lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    port = url.port or _DEFAULT_PORTS.get(url.scheme)
    return any(_matches(word.strip().lower(), host, address, port) for word in no_proxy.split(","))


def _matches(
    word: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int | None
) -> bool:
    if word in ("", "*"):
        return word == "*"
    if "/" in word:
        try:
            return address is not None and address in ipaddress.ip_network(word, strict=False)
        except ValueError:
            return False
    name, wanted = _split_port(word)
    if wanted and wanted != str(port):
        return False
    literal = _address(name)
    if literal is not None:
        return literal == address
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(word: str) -> tuple[str, str]:
    """``host``, ``host:port``, ``[::1]:port`` or ``::1`` in its parts."""
    if word.startswith("["):
        name, _, rest = word[1:].partition("]")
        return name, rest.removeprefix(":")
    if word.count(":") == 1:
        name, _, port = word.partition(":")
        return name, port
    return word, ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

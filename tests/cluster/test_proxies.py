"""Which servers a proxy of the environment stands before: by the rules of Go programs, so the same as for kubectl."""

from __future__ import annotations

import pytest

from probe.cluster.proxies import proxy_for, without_password
from probe.model.errors import UsageError

SERVER = "https://api.corp.example:6443"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        (SERVER, "", True),
        (SERVER, "*", False),
        (SERVER, "corp.example", False),
        (SERVER, "other.example, CORP.EXAMPLE", False),
        (SERVER, ".corp.example", False),
        (SERVER, "*.corp.example", False),
        ("https://corp.example", ".corp.example", True),
        (SERVER, "rp.example", True),
        (SERVER, "corp.example:6443", False),
        (SERVER, "corp.example:443", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://11.1.2.3:6443", "10.0.0.0/8", True),
        ("https://10.1.2.3:6443", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:6444", True),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
        (SERVER, "not/a/range", True),
    ],
)
def test_no_proxy_as_go_reads_it(server: str, no_proxy: str, proxied: bool) -> None:
    found = proxy_for(server, environ={"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert (found is not None) == proxied


def test_the_proxy_is_the_one_for_the_servers_scheme() -> None:
    environ = {"http_proxy": "http://one", "https_proxy": "http://two"}
    assert str(proxy_for("http://192.0.2.1", environ=environ)) == "http://one"
    assert str(proxy_for("https://192.0.2.1", environ=environ)) == "http://two"
    assert proxy_for("https://192.0.2.1", environ={"HTTP_PROXY": "http://one"}) is None


def test_the_kubeconfigs_own_goes_over_everything() -> None:
    found = proxy_for("https://127.0.0.1:1", "proxy.example:3128", {"HTTPS_PROXY": "http://x", "NO_PROXY": "*"})
    assert str(found) == "http://proxy.example:3128"


def test_what_is_no_http_proxy_is_said_without_its_password() -> None:
    with pytest.raises(UsageError, match=r"proxy-url: socks5://proxy.example:1080 cannot be used: only http") as error:
        proxy_for(SERVER, "socks5://me:secret@proxy.example:1080")
    assert "secret" not in str(error.value)
    found = proxy_for(SERVER, "http://me:secret@proxy.example:1080")
    assert found is not None
    assert without_password(found) == "http://proxy.example:1080"

"""Kubeconfigs are found, read and merged as kubectl does, and every way in which they can be wrong is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from probe.cluster.access import find_access, in_cluster
from probe.cluster.kubeconfig import find_kubeconfig, read_kubeconfig
from probe.model.errors import UsageError


def write(path: Path, **parts: Any) -> Path:
    """``clusters``, ``users`` and ``contexts`` as mappings by name, ``current`` the current context."""
    singular = {"clusters": "cluster", "users": "user", "contexts": "context"}
    document: dict[str, Any] = {
        key: [{"name": name, kind: body} for name, body in parts.get(key, {}).items()] for key, kind in singular.items()
    }
    if "current" in parts:
        document["current-context"] = parts["current"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def whole(path: Path, server: str = "https://192.0.2.1:6443", name: str = "one") -> Path:
    return write(
        path,
        clusters={name: {"server": server}},
        users={name: {"token": f"token of {name}"}},
        contexts={name: {"cluster": name, "user": name}},
        current=name,
    )


async def test_what_comes_first_in_a_list_of_files_wins_and_the_rest_is_added(tmp_path: Path) -> None:
    first = whole(tmp_path / "first", "https://192.0.2.1", "same")
    second = whole(tmp_path / "second", "https://192.0.2.2", "same")
    third = whole(tmp_path / "third", "https://192.0.2.3", "other")
    merged = read_kubeconfig([first, second, third])
    assert merged.current_context == "same"
    assert merged.select().cluster.text("server") == "https://192.0.2.1"
    assert merged.select("other").cluster.text("server") == "https://192.0.2.3"


async def test_a_context_may_take_its_parts_from_other_files(tmp_path: Path) -> None:
    clusters = write(tmp_path / "clusters", clusters={"c": {"server": "https://192.0.2.7"}})
    contexts = write(tmp_path / "contexts", contexts={"x": {"cluster": "c", "user": "u"}}, current="x")
    users = write(tmp_path / "users", users={"u": {"token": "secret"}})
    access = find_access(f"{clusters}:{contexts}:{users}", environ={})
    assert access.server == "https://192.0.2.7"
    assert await access.credentials.authorization() == "Bearer secret"


def test_the_environments_list_may_name_files_that_are_gone(tmp_path: Path) -> None:
    there = whole(tmp_path / "there")
    assert find_kubeconfig(None, {"KUBECONFIG": f"{tmp_path}/gone::{there}:{there}"}) == (there,)


def test_the_file_of_the_home_directory_is_the_default(tmp_path: Path) -> None:
    there = whole(tmp_path / ".kube" / "config")
    assert find_kubeconfig(None, {"HOME": str(tmp_path)}) == (there,)
    assert find_kubeconfig(None, {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "gone")}) == ()


def test_paths_in_a_file_start_from_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole(tmp_path / "deep" / "config")
    (tmp_path / "deep" / "ca.crt").write_text("an authority")
    document = yaml.safe_load(Path("deep/config").read_text())
    document["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    Path("deep/config").write_text(yaml.safe_dump(document))
    assert find_access("deep/config", environ={}).trust.authority == b"an authority"


def test_a_name_with_a_colon_is_one_file_when_it_exists(tmp_path: Path) -> None:
    path = whole(tmp_path / "a:b")
    assert find_kubeconfig(str(path), {}) == (path,)


MISTAKES: Mapping[str, tuple[str, str]] = {
    "no current context": ("contexts: [{name: x, context: {cluster: c}}]", r"has no current-context: name one.*has: x"),
    "current context is gone": (
        "{contexts: [{name: x, context: {cluster: c}}], current-context: y}",
        r'there is no current-context "y" \(it has: x\)',
    ),
    "cluster is gone": (
        "{contexts: [{name: x, context: {cluster: c}}], current-context: x}",
        'there is no cluster "c"',
    ),
    "user is gone": (
        "{clusters: [{name: c, cluster: {server: 'https://h'}}], "
        "contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}",
        r'context "x" of .*: there is no user "u" \(there are: none\)',
    ),
    "no server": (
        "{clusters: [{name: c, cluster: {}}], contexts: [{name: x, context: {cluster: c}}], current-context: x}",
        r'cluster "c" of .*: server is missing',
    ),
    "server is no URL": (
        "{clusters: [{name: c, cluster: {server: 'ftp://h'}}], contexts: [{name: x, context: {cluster: c}}], "
        "current-context: x}",
        "is no URL of an API server",
    ),
    "no YAML": ("a: [\n", r"config:2:1 cannot be used"),
    "a list": ("[]", "holds a list, not a mapping"),
    "clusters no list": ("clusters: {a: b}", "clusters must be a list, not a mapping"),
    "no name": ("users: [{user: {}}]", r"users\[0\] has no name"),
    "token a number": (
        "{clusters: [{name: c, cluster: {server: 'https://h'}}], users: [{name: u, user: {token: 5}}], "
        "contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}",
        r'user "u" of .*: token must be a string, not a number',
    ),
    "key without certificate": (
        "{clusters: [{name: c, cluster: {server: 'https://h'}}], users: [{name: u, user: {client-key-data: YQ==}}], "
        "contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}",
        "there is no client-certificate, and one is nothing without the other",
    ),
    "authority and none": (
        "{clusters: [{name: c, cluster: {server: 'https://h', insecure-skip-tls-verify: true, "
        "certificate-authority-data: YQ==}}], contexts: [{name: x, context: {cluster: c}}], current-context: x}",
        "contradict each other",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, mistake: str) -> None:
    text, said = MISTAKES[mistake]
    (tmp_path / "config").write_text(text)
    with pytest.raises(UsageError, match=said):
        find_access(str(tmp_path / "config"), environ={})


def test_a_context_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = whole(tmp_path / "config")
    with pytest.raises(UsageError, match=r'there is no context "prod" \(it has: one\)'):
        find_access(str(path), "prod", environ={})


def test_a_directory_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory: name the file in it"):
        find_access(str(tmp_path), environ={})


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    path = whole(tmp_path / "config")
    with pytest.raises(UsageError, match=r"kubeconfig .*gone does not exist"):
        find_access(f"{path}:{tmp_path}/gone", environ={})


def test_where_there_is_no_cluster_at_all_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no cluster to talk to: there is no ~/.kube/config; name a kubeconfig"):
        find_access(environ={"HOME": str(tmp_path)})
    with pytest.raises(UsageError, match=r"no cluster to talk to: \$KUBECONFIG names /gone, which does not exist"):
        find_access(environ={"HOME": str(tmp_path), "KUBECONFIG": "/gone"})


async def test_in_a_pod_the_service_account_is_used(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(UsageError, match=r"token is missing; leave automountServiceAccountToken on"):
        in_cluster(environ=environ, account=tmp_path)
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("an authority")
    access = in_cluster(environ=environ, account=tmp_path)
    assert access.server == "https://[fd00::1]:443"
    assert access.trust.authority == b"an authority"
    assert await access.credentials.authorization() == "Bearer first"

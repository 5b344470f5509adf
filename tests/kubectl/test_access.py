"""Rights with kubectl: making roles, asking what one may, and acting as somebody else."""

from __future__ import annotations

import pytest

from tests.kubectl.conftest import Kubectl

pytestmark = pytest.mark.kubectl

ACCOUNT = "system:serviceaccount:default:prober"


@pytest.fixture
async def reader(kubectl: Kubectl) -> str:
    """The --as of a service account that may read pods in default."""
    (await kubectl("create", "serviceaccount", "prober")).ok()
    (await kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods,pods/log")).ok()
    (await kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:prober")).ok()
    return f"--as={ACCOUNT}"


async def test_can_i(kubectl: Kubectl, reader: str) -> None:
    assert (await kubectl("auth", "can-i", "list", "pods", reader)).ok() == "yes\n"
    for asked in (
        ("create", "pods"),
        ("get", "pods", "--subresource=exec"),
        ("list", "pods", "-n", "kube-system"),
        ("get", "/metrics"),
    ):
        answer = await kubectl("auth", "can-i", *asked, reader)
        assert (answer.code, answer.out) == (1, "no\n"), asked
    assert (await kubectl("auth", "can-i", "get", "/version", reader)).out == "yes\n"
    assert (await kubectl("auth", "can-i", "*", "*", "-A")).ok() == "yes\n"


async def test_can_i_list(kubectl: Kubectl, reader: str) -> None:
    rows = [line.split() for line in (await kubectl("auth", "can-i", "--list", reader)).ok().splitlines()]
    assert ["pods/log", "[]", "[]", "[get", "list]"] in rows


async def test_whoami(kubectl: Kubectl, reader: str) -> None:
    assert ACCOUNT in (await kubectl("auth", "whoami", reader)).ok()
    assert "[system:masters system:authenticated]" in (await kubectl("auth", "whoami")).ok()


async def test_what_is_not_allowed_is_said(kubectl: Kubectl, reader: str) -> None:
    assert (await kubectl("get", "pods", reader)).code == 0
    refused = await kubectl("get", "secrets", reader)
    assert (refused.code, refused.err) == (
        1,
        f'Error from server (Forbidden): secrets is forbidden: User "{ACCOUNT}" cannot list resource "secrets" in API '
        'group "" in the namespace "default"\n',
    )
    assert (await kubectl("get", "nodes", "--as=jane", "--as-group=system:masters")).code == 0


async def test_cluster_roles(kubectl: Kubectl) -> None:
    (await kubectl("create", "clusterrole", "metrics", "--verb=get", "--non-resource-url=/metrics")).ok()
    (await kubectl("create", "clusterrolebinding", "metrics", "--clusterrole=metrics", "--group=team")).ok()
    group = ("--as=jane", "--as-group=team")
    assert (await kubectl("auth", "can-i", "get", "/metrics", *group)).ok() == "yes\n"
    for kind in ("roles", "rolebindings", "clusterroles", "clusterrolebindings"):
        assert (await kubectl("get", kind, "-A", "-o", "wide")).code == 0
    assert "networkpolicies.networking.k8s.io" in (await kubectl("describe", "clusterrole", "view")).ok()
    assert "Group  team" in (await kubectl("describe", "clusterrolebinding", "metrics")).ok()


async def test_a_token_of_a_service_account(kubectl: Kubectl, reader: str) -> None:
    token = (await kubectl("create", "token", "prober", "--duration=20m")).ok()
    config = (await kubectl("config", "view", "--raw", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")).ok()
    alone = ("--kubeconfig=/dev/null", f"--server={config}", "--insecure-skip-tls-verify")
    assert ACCOUNT in (await kubectl(*alone, f"--token={token}", "auth", "whoami")).ok()
    assert (await kubectl(*alone, f"--token={token}", "get", "pods")).code == 0
    refused = await kubectl(*alone, f"--token={token}x", "get", "pods")
    assert (refused.code, refused.err) == (1, "error: You must be logged in to the server (Unauthorized)\n")
    short = await kubectl("create", "token", "prober", "--duration=20s")
    assert "may not specify a duration less than 10 minutes" in short.err

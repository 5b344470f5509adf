"""Quotas, ranges and classes with kubectl."""

from __future__ import annotations

import pytest

from tests.kubectl.conftest import Kubectl

pytestmark = pytest.mark.kubectl

LIMITS = """
apiVersion: v1
kind: LimitRange
metadata: {name: usual}
spec: {limits: [{type: Container, default: {cpu: 500m}}]}
"""


async def test_quota(kubectl: Kubectl) -> None:
    (await kubectl("create", "quota", "q", "--hard=pods=1,requests.cpu=1")).ok()
    refused = await kubectl("run", "a", "--image=x")
    assert 'pods "a" is forbidden: failed quota: q: must specify requests.cpu for: a' in refused.err
    (await kubectl("apply", "-f", "-", stdin=LIMITS)).ok()
    (await kubectl("run", "a", "--image=x")).ok()
    refused = await kubectl("run", "b", "--image=x")
    assert (refused.code, refused.err) == (
        1,
        'Error from server (Forbidden): pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, '
        "limited: pods=1\n",
    )
    (await kubectl("wait", "--for=jsonpath={.status.used.pods}=1", "quota/q", "--timeout=20s")).ok()
    assert "pods: 1/1, requests.cpu: 500m/1" in (await kubectl("get", "quota")).ok()
    described = (await kubectl("describe", "quota", "q")).ok()
    assert [line.split() for line in described.splitlines()[-2:]] == [["pods", "1", "1"], ["requests.cpu", "500m", "1"]]
    assert "Resource Quotas" in (await kubectl("describe", "namespace", "default")).ok()
    assert "500m" in (await kubectl("describe", "limits", "usual")).ok()


async def test_classes(kubectl: Kubectl) -> None:
    (await kubectl("create", "priorityclass", "high", "--value=1000")).ok()
    assert "1000" in (await kubectl("get", "priorityclass", "high")).ok()
    assert "system-node-critical" in (await kubectl("get", "pc")).ok()
    refused = await kubectl("run", "a", "--image=x", '--overrides={"spec":{"priorityClassName":"urgent"}}')
    assert 'pods "a" is forbidden: no PriorityClass with name urgent was found' in refused.err

"""What is read from the cluster before anything is created, and what each namespace gets."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.agent_code import MAX_BYTES, agent_zipapp
from probe.cluster.objects import Owner
from probe.cluster.outfit import prepare_outfit
from probe.model.agent_options import AgentOptions, NamespaceOptions, SecretRef
from probe.model.errors import ClusterError
from tests.cluster.support import serving

OWNER = Owner("abc123", "shop")
SECRETS = {
    "/api/v1/namespaces/ci/secrets/registry": {
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": "e30="},
    },
    "/api/v1/namespaces/ci/secrets/opaque": {"type": "Opaque"},
}


async def answer(request: web.Request) -> web.StreamResponse:
    if request.path.endswith("/hidden"):
        return web.json_response({"code": 403, "message": 'secrets "hidden" is forbidden'}, status=403)
    found = SECRETS.get(request.path)
    if found is None:
        return web.json_response({"code": 404, "message": "not found"}, status=404)
    return web.json_response(found)


async def test_pull_secrets_are_copied_with_the_labels_of_the_run(tmp_path: Path) -> None:
    options = AgentOptions(pull_secrets=(SecretRef("ci", "registry"),))
    async with serving(tmp_path, answer) as api:
        outfit = await prepare_outfit(api, options, NamespaceOptions())
    ((path, secret),) = outfit.supplies("cp-shop", OWNER)
    assert path == "/api/v1/namespaces/cp-shop/secrets"
    assert secret["metadata"] == {"name": "registry", "namespace": "cp-shop", "labels": OWNER.labels}
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["data"] == {".dockerconfigjson": "e30="}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "the image pull secret ci/missing does not exist"),
        ("hidden", 'the image pull secret ci/hidden cannot be read: secrets "hidden" is forbidden'),
        ("opaque", "the secret ci/opaque is of type Opaque, not kubernetes.io/dockerconfigjson"),
    ],
)
async def test_a_pull_secret_that_cannot_be_had_is_told_before_anything_is_made(
    tmp_path: Path, name: str, said: str
) -> None:
    options = AgentOptions(pull_secrets=(SecretRef("ci", name),))
    async with serving(tmp_path, answer) as api:
        with pytest.raises(ClusterError) as caught:
            await prepare_outfit(api, options, NamespaceOptions())
    assert said in str(caught.value)


async def test_the_code_of_the_agent_fits_into_a_configmap_and_is_always_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path, answer) as api:
        outfit = await prepare_outfit(api, AgentOptions(from_configmap=True), NamespaceOptions())
    ((path, configmap),) = outfit.supplies("cp-shop", OWNER)
    assert path == "/api/v1/namespaces/cp-shop/configmaps"
    assert configmap["immutable"]
    code = b64decode(configmap["binaryData"]["agent.pyz"])
    assert code == agent_zipapp()
    assert len(code) < MAX_BYTES

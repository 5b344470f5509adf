"""A policy engine that refuses, as kubectl shows it."""

from __future__ import annotations

import json

import pytest

from tests.kubectl.conftest import Kubectl
from tests.sandbox.api.webhook import denied, rule, webhook_server

pytestmark = pytest.mark.kubectl


async def test_a_refusal_is_shown_in_the_webhooks_words(kubectl: Kubectl) -> None:
    async with webhook_server() as webhook:
        webhook.decide = lambda request: denied("not on Fridays", code=403)
        made = webhook.configuration(rule("configmaps", "CREATE"))
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        (await kubectl("apply", "-f", "-", stdin=json.dumps(head | made))).ok()
        assert "policy" in (await kubectl("get", "validatingwebhookconfigurations")).ok()
        refused = await kubectl("create", "configmap", "a")
        said = 'admission webhook "policy.example.com" denied the request: not on Fridays'
        assert (refused.code, refused.err) == (1, f"error: failed to create configmap: {said}\n")
        assert (await kubectl("create", "secret", "generic", "a")).code == 0
        assert "policy.example.com" in (await kubectl("describe", "validatingwebhookconfiguration", "policy")).ok()

"""ValidatingWebhookConfigurations: defaults, and what the sandbox can call."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from probe.sandbox.api.errors import FieldError, duplicate, forbidden_field, invalid, required, unsupported
from probe.sandbox.store import Obj

_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_MAX_SECONDS: Final = 30


def default_webhooks(configuration: Obj) -> None:
    """Set defaults in place."""
    for webhook in configuration.get("webhooks") or ():
        for key, value in {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10}.items():
            webhook.setdefault(key, value)
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")


def validate_webhooks(configuration: Obj) -> Iterator[FieldError]:
    """Each webhook, and that their names differ."""
    seen: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path, name = f"webhooks[{index}]", webhook.get("name") or ""
        if name.count(".") < 2:
            yield invalid(f"{path}.name", name, "should be a domain with at least three segments separated by dots")
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        yield from _webhook(webhook, path)


def _webhook(webhook: dict[str, Any], path: str) -> Iterator[FieldError]:
    if webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
        yield unsupported(f"{path}.sideEffects", webhook.get("sideEffects") or "", ("None", "NoneOnDryRun"))
    if "v1" not in (webhook.get("admissionReviewVersions") or ()):
        yield required(f"{path}.admissionReviewVersions", "must specify one of v1")
    if webhook["failurePolicy"] not in ("Fail", "Ignore"):
        yield unsupported(f"{path}.failurePolicy", webhook["failurePolicy"], ("Fail", "Ignore"))
    if not 1 <= webhook["timeoutSeconds"] <= _MAX_SECONDS:
        why = f"the timeout value must be between 1 and {_MAX_SECONDS} seconds"
        yield invalid(f"{path}.timeoutSeconds", webhook["timeoutSeconds"], why)
    if webhook.get("matchConditions"):
        yield forbidden_field(f"{path}.matchConditions", "the sandbox does not evaluate CEL")
    for index, rule in enumerate(webhook.get("rules") or ()):
        where = f"{path}.rules[{index}]"
        for field in ("operations", "apiGroups", "apiVersions", "resources"):
            if not rule.get(field):
                yield required(f"{where}.{field}")
        for operation in set(rule.get("operations") or ()) - set(_OPERATIONS):
            yield unsupported(f"{where}.operations", operation, _OPERATIONS)
    yield from _client(webhook.get("clientConfig") or {}, f"{path}.clientConfig")


def _client(config: dict[str, Any], path: str) -> Iterator[FieldError]:
    url = config.get("url") or ""
    if config.get("service"):
        yield forbidden_field(f"{path}.service", "the sandbox calls webhooks by url only")
    elif not url:
        yield required(path, "exactly one of url or service is required")
    elif urlsplit(url).scheme != "https":
        yield invalid(f"{path}.url", url, "'https' is the only allowed URL scheme")
    elif not urlsplit(url).hostname:
        yield invalid(f"{path}.url", url, "host must be specified")
    if bundle := config.get("caBundle"):
        try:
            ssl.create_default_context(cadata=base64.b64decode(bundle, validate=True).decode())
        except ValueError as error:  # ssl.SSLError is an OSError
            yield invalid(f"{path}.caBundle", bundle, f"unable to load root certificates: {error}")
        except ssl.SSLError as error:
            yield invalid(f"{path}.caBundle", bundle, f"unable to load root certificates: {error.reason}")

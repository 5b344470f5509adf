"""One call of a webhook: an AdmissionReview over HTTPS, and the answer that belongs to it."""

from __future__ import annotations

import base64
import ssl
from typing import Any, Final

import aiohttp

from probe.sandbox.store import Obj

_VERSION: Final = "admission.k8s.io/v1"


class CallError(Exception):
    """The webhook could not be asked, or what it said is no answer. Reads as the API server words it."""


async def call(webhook: Obj, request: Obj) -> dict[str, Any]:
    """The webhook's response to an AdmissionRequest. Raises CallError."""
    review = {"kind": "AdmissionReview", "apiVersion": _VERSION, "request": request}
    answer = await _post(webhook, review)
    response = answer.get("response") if isinstance(answer, dict) else None
    if not isinstance(response, dict):
        raise CallError("received invalid webhook response: no response in the AdmissionReview")
    if answer.get("kind") != "AdmissionReview" or answer.get("apiVersion") != _VERSION:
        got = f"{answer.get('apiVersion')}, Kind={answer.get('kind')}"
        raise CallError(f"received invalid webhook response: expected {_VERSION}, Kind=AdmissionReview, got {got}")
    if response.get("uid") != request["uid"]:
        got = response.get("uid", "")
        raise CallError(f"received invalid webhook response: expected response.uid={request['uid']!r}, got {got!r}")
    return response


async def _post(webhook: Obj, review: Obj) -> Any:
    config, seconds = webhook["clientConfig"], int(webhook["timeoutSeconds"])
    head = f'failed to call webhook: Post "{config["url"]}?timeout={seconds}s"'
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(
                config["url"], json=review, params={"timeout": f"{seconds}s"}, ssl=_trust(config), allow_redirects=False
            ) as response,
        ):
            if response.status != 200:
                raise CallError(f"failed to call webhook: the server responded with {response.status}")
            return await response.json(content_type=None)
    except TimeoutError:
        raise CallError(f"{head}: context deadline exceeded") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise CallError(f"{head}: tls: failed to verify certificate: {error.certificate_error}") from None
    except aiohttp.ClientConnectorError as error:
        raise CallError(f"{head}: dial tcp {error.host}:{error.port}: connect: {_reason(error)}") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise CallError(f"{head}: {error or type(error).__name__}") from None


def _reason(error: aiohttp.ClientConnectorError) -> str:
    return (error.os_error.strerror or str(error.os_error)).lower()


def _trust(config: dict[str, Any]) -> ssl.SSLContext:
    """Whoever the bundle vouches for; without one, whoever this host trusts."""
    bundle = config.get("caBundle")
    return ssl.create_default_context(cadata=base64.b64decode(bundle).decode() if bundle else None)

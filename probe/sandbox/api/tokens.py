"""Bearer tokens: the administrator's, and those of service accounts.

A service account's token is a signed JWT (RFC 7519) with the claims that Kubernetes puts into its own, so that clients
that look inside find what they expect. It holds for as long as it says, and as its service account and the pod that it
was made for exist.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from probe.sandbox.api.auth.users import ADMIN, User, service_account
from probe.sandbox.store import Obj, Store

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
"""Issuer, and the audience of tokens that ask for no other."""
MOUNTED_SECONDS: Final = 365 * 24 * 3600
"""How long a token in a pod's volume holds: what kube-apiserver extends the kubelet's tokens to."""

_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_PRIVATE: Final = "kubernetes.io"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are seconds since 1970."""

    namespace: str
    account: str
    account_uid: str
    pod: str
    pod_uid: str
    identity: str
    expires: int


class Tokens:
    """Issues and authenticates; tokens of another instance mean nothing to it. ``admin`` is the kubeconfig's token."""

    def __init__(self, store: Store, admin: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._admin, self._clock = store, admin, clock
        self._key = secrets.token_bytes(32)

    def issue(
        self,
        namespace: str,
        account: str,
        pod: Obj | None = None,
        *,
        seconds: int = MOUNTED_SECONDS,
        audiences: Sequence[str] = (),
    ) -> str:
        """A token of a service account, bound to a pod if one is given. Raises NotFound for the account."""
        owner = self._store.get("serviceaccounts", namespace, account)
        now = int(self._clock())
        private: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": account, "uid": owner["metadata"]["uid"]},
        }
        if pod is not None:
            private["pod"] = {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        payload = {
            "aud": list(audiences) or [ISSUER],
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            _PRIVATE: private,
            "nbf": now,
            "sub": service_account(namespace, account).name,
        }
        signed = f"{_encode(_HEADER)}.{_encode(payload)}"
        return f"{signed}.{self._signature(signed)}"

    def authenticate(self, token: str) -> User | None:
        """Whose token this is; None for one that is unknown, has expired or belongs to somebody who is gone."""
        if hmac.compare_digest(token.encode(), self._admin.encode()):
            return ADMIN
        claims = self._read(token)
        if claims is None or claims.expires <= self._clock():
            return None
        if not self._exists("serviceaccounts", claims.namespace, claims.account, claims.account_uid):
            return None
        extra = {"authentication.kubernetes.io/credential-id": [f"JTI={claims.identity}"]}
        if claims.pod:
            if not self._exists("pods", claims.namespace, claims.pod, claims.pod_uid):
                return None
            extra["authentication.kubernetes.io/pod-name"] = [claims.pod]
            extra["authentication.kubernetes.io/pod-uid"] = [claims.pod_uid]
        return service_account(claims.namespace, claims.account, claims.account_uid, extra)

    def _exists(self, resource: str, namespace: str, name: str, uid: str) -> bool:
        found = self._store.find(resource, namespace, name)
        return found is not None and found["metadata"]["uid"] == uid

    def _read(self, token: str) -> Claims | None:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return None
        payload = json.loads(_decode(signed.partition(".")[2]))
        if ISSUER not in payload["aud"]:
            return None  # made to show to somebody else
        private = payload[_PRIVATE]
        account, pod = private["serviceaccount"], private.get("pod") or {"name": "", "uid": ""}
        return Claims(
            private["namespace"],
            account["name"],
            account["uid"],
            pod["name"],
            pod["uid"],
            payload["jti"],
            payload["exp"],
        )

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encode(value: Any) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

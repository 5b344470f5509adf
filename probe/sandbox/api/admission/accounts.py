"""The service account of a new pod must exist, and gives it what it has (plugin/pkg/admission/serviceaccount)."""

from __future__ import annotations

from probe.sandbox.api.admission.token_volume import mount_token
from probe.sandbox.api.errors import forbidden
from probe.sandbox.api.resources import BY_PLURAL
from probe.sandbox.store import Obj, Store


def admit_account(store: Store, pod: Obj) -> None:
    """Take over the account's pull secrets and its token, in place. Raises ApiError 403."""
    namespace, name = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
    account = store.find("serviceaccounts", namespace, name)
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(BY_PLURAL["pods"], pod["metadata"].get("name") or "", why)
    if account.get("imagePullSecrets") and not pod["spec"].get("imagePullSecrets"):
        pod["spec"]["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]
    mount_token(account, pod)

"""Users as the API server knows them: a name, groups, and little else. There are no user objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

MASTERS: Final = "system:masters"
"""The group that may do everything, whatever the roles say."""
AUTHENTICATED: Final = "system:authenticated"
ANONYMOUS: Final = "system:anonymous"
ACCOUNT_PREFIX: Final = "system:serviceaccount:"

_NOTHING: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class User:
    """Somebody. ``extra`` is what the authenticator knows besides, such as a token's pod."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=lambda: _NOTHING)

    @property
    def info(self) -> dict[str, Any]:
        """authentication.k8s.io/v1 UserInfo."""
        found: dict[str, Any] = {"username": self.name, "uid": self.uid, "groups": list(self.groups)}
        found["extra"] = {key: list(values) for key, values in self.extra.items()}
        return {key: value for key, value in found.items() if value}


ADMIN: Final = User("cni-probe", (MASTERS, AUTHENTICATED))
"""The user of the sandbox's kubeconfig."""


def account_name(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"{ACCOUNT_PREFIX}{namespace}:{name}"


def account_groups(user: str) -> tuple[str, ...]:
    """The groups that a service account's user name brings along; none for other names."""
    namespace, _, name = user.removeprefix(ACCOUNT_PREFIX).partition(":")
    if not user.startswith(ACCOUNT_PREFIX) or not namespace or not name:
        return ()
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}"


def service_account(namespace: str, name: str, uid: str = "", extra: Mapping[str, Sequence[str]] | None = None) -> User:
    """The user that a service account's token stands for."""
    user = account_name(namespace, name)
    return User(user, (*account_groups(user), AUTHENTICATED), uid, extra or _NOTHING)

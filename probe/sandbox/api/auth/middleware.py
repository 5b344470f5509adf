"""In front of every handler: who asks, in whose name, and whether they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import unquote

from aiohttp import web

from probe.sandbox.api.auth.attributes import Attributes, attributes_of, denied, needed
from probe.sandbox.api.auth.users import ACCOUNT_PREFIX, ANONYMOUS, AUTHENTICATED, User, account_groups
from probe.sandbox.api.context import CONTEXT, Context
from probe.sandbox.api.errors import ApiError, unauthorized

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN: Final = ("/healthz", "/livez", "/readyz", "/version")
_USER: Final = web.RequestKey("user", User)
_AUTHENTICATION: Final = "authentication.k8s.io"
_EXTRA_HEADER: Final = "impersonate-extra-"


def user_of(request: web.Request) -> User:
    """Who the request acts as."""
    return request[_USER]


@web.middleware
async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Authentication, impersonation and authorization; health and version are open. Raises ApiError 401, 403."""
    if request.path in _OPEN and "Authorization" not in request.headers:
        return await handler(request)
    ctx = request.app[CONTEXT]
    user = _impersonated(ctx, request, _authenticated(ctx, request))
    request[_USER] = user
    for wanted in needed(attributes_of(request)):
        require(ctx, user, wanted)
    return await handler(request)


def _authenticated(ctx: Context, request: web.Request) -> User:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = ctx.tokens.authenticate(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthorized()
    return user


def require(ctx: Context, user: User, wanted: Attributes) -> None:
    """Raises ApiError 403 unless the user may."""
    decision = ctx.rbac.authorize(user, wanted)
    if not decision.allowed:
        raise denied(user.name, wanted, decision.reason)


def _impersonated(ctx: Context, request: web.Request, user: User) -> User:
    """The user whose name the headers state, if the one who asks may act as them (``kubectl --as``)."""
    headers = request.headers
    name, groups = headers.get("Impersonate-User", ""), tuple(headers.getall("Impersonate-Group", ()))
    uid, extra = headers.get("Impersonate-Uid", ""), _extra(request)
    if not name:
        if groups or uid or extra:
            raise ApiError(500, "InternalError", "Internal error occurred: groups, uid or extra without a user name")
        return user
    for wanted in _impersonations(name, groups, uid, extra):
        require(ctx, user, wanted)
    known = "system:unauthenticated" if name == ANONYMOUS else AUTHENTICATED
    groups = groups or account_groups(name)
    return User(name, groups if known in groups else (*groups, known), uid, extra)


def _extra(request: web.Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for header, value in request.headers.items():
        if header.lower().startswith(_EXTRA_HEADER):
            found.setdefault(unquote(header[len(_EXTRA_HEADER) :].lower()), []).append(value)
    return found


def _impersonations(name: str, groups: tuple[str, ...], uid: str, extra: dict[str, list[str]]) -> Iterator[Attributes]:
    if account_groups(name):
        namespace, _, account = name.removeprefix(ACCOUNT_PREFIX).partition(":")
        yield Attributes("impersonate", "", "v1", "serviceaccounts", namespace=namespace, name=account)
    else:
        yield Attributes("impersonate", "", "v1", "users", name=name)
    for group in groups:
        yield Attributes("impersonate", "", "v1", "groups", name=group)
    for key, values in extra.items():
        for value in values:
            yield Attributes("impersonate", _AUTHENTICATION, "v1", "userextras", key, name=value)
    if uid:
        yield Attributes("impersonate", _AUTHENTICATION, "v1", "uids", name=uid)

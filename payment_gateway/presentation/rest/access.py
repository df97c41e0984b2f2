"""Who may do what: a key, its tenant, its roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Request

ANY_TENANT: Final = "*"


class AccessRefused(Exception):
    """The caller is not known, or may not do this."""

    def __init__(self, *, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever a request speaks for.

    Attributes:
        actor: How the caller is named in events and logs.
        tenant_id: The one tenant, or ``*``.
        roles: What the caller may do.
    """

    actor: str
    tenant_id: str
    roles: frozenset[str]

    def may_act_for(self, tenant_id: str) -> bool:
        """Whether this caller speaks for that tenant."""
        return self.tenant_id in {ANY_TENANT, tenant_id}


class Authenticate(Protocol):
    """Finds out who holds a key."""

    def __call__(self, key: str) -> Caller | None:
        """Return the caller, ``None`` for a key that is not accepted."""
        ...


def bearer_key(request: Request) -> str:
    """Return the key that a request carries, an empty text for none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def caller_of(request: Request) -> Caller:
    """Return who makes the request; the request context put it there.

    Raises:
        AccessRefused: Nobody we know.
    """
    caller = request.scope.get("caller")
    if not isinstance(caller, Caller):
        raise AccessRefused(
            status=401,
            code="unauthorized",
            detail="send a valid key as: Authorization: Bearer KEY",
        )
    return caller


def requires(*roles: str) -> Callable[[Request], Caller]:
    """Return a dependency that lets callers with one of the roles through."""

    def check(request: Request) -> Caller:
        caller = caller_of(request)
        if not caller.roles.intersection(roles):
            raise AccessRefused(
                status=403, code="forbidden", detail=f"this takes the role {' or '.join(roles)}"
            )
        return caller

    return check


def check_tenant(caller: Caller, tenant_id: str) -> None:
    """Refuse a caller who speaks for another tenant.

    Raises:
        AccessRefused: 403 ``forbidden``.
    """
    if not caller.may_act_for(tenant_id):
        raise AccessRefused(
            status=403, code="forbidden", detail="the key does not speak for this tenant"
        )

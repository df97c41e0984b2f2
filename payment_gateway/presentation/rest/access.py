"""Who may do what: a caller, their tenant, their roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Request

ANY_TENANT: Final = "*"
_UNAUTHORIZED: Final = "send a valid key as: Authorization: Bearer KEY"


class AccessRefused(Exception):
    """The caller is not known, or may not do this.

    Attributes:
        retry_after_s: When the same request may be answered otherwise, where it may be.
    """

    def __init__(
        self,
        *,
        status: int = 401,
        code: str = "unauthorized",
        detail: str = _UNAUTHORIZED,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever a request speaks for.

    Attributes:
        actor: How the caller is named in events and logs.
        tenant_id: The one tenant, or ``*``.
        roles: What the caller may do.
        named_by: The tenant of the key, or ``*``, where ``tenant_id`` is what the request names.
    """

    actor: str
    tenant_id: str
    roles: frozenset[str]
    named_by: str | None = None

    @property
    def speaks_for(self) -> str:
        """The one tenant of the key, or ``*``."""
        return self.named_by or self.tenant_id

    def may_act_for(self, tenant_id: str) -> bool:
        """Whether this caller speaks for that tenant."""
        return self.tenant_id in {ANY_TENANT, tenant_id}


class Authenticate(Protocol):
    """Finds out who holds a key."""

    async def __call__(self, key: str, client: str | None) -> Caller:
        """Return the caller; ``client`` is the address that the key came from.

        Raises:
            AccessRefused: It is not accepted, was wrong too often, or nobody can say now.
        """
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
    if isinstance(caller, Caller):
        return caller
    refusal = request.scope.get("access_refusal")
    raise refusal if isinstance(refusal, AccessRefused) else AccessRefused()


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """A dependency that lets callers with one of the roles through."""

    roles: frozenset[str]

    def __call__(self, request: Request) -> Caller:
        """Return the caller; raises ``AccessRefused`` where none of the roles is theirs."""
        caller = caller_of(request)
        if not caller.roles.intersection(self.roles):
            raise AccessRefused(
                status=403,
                code="forbidden",
                detail=f"this takes the role {' or '.join(sorted(self.roles))}",
            )
        return caller


def requires(*roles: str) -> Callable[[Request], Caller]:
    """Return a dependency that lets callers with one of the roles through.

    The same roles stand in ``access_rules``, in the one table of all routes.
    """
    return RoleCheck(frozenset(roles))


def check_tenant(caller: Caller, tenant_id: str) -> None:
    """Refuse a caller who speaks for another tenant.

    Raises:
        AccessRefused: 403 ``forbidden``.
    """
    if not caller.may_act_for(tenant_id):
        raise AccessRefused(
            status=403, code="forbidden", detail="the key does not speak for this tenant"
        )

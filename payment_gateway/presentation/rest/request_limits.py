"""Refuses what is more than a caller may send, and tells each caller how much is left.

Headers: draft-ietf-httpapi-ratelimit-headers-10, ``RateLimit-Policy`` (q requests in w seconds) and
``RateLimit`` (r are left, all of them again in t seconds).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payment_gateway.application.ports import Admission, Excess, Quota, RequestLimits
from payment_gateway.presentation.rest.access import Caller
from payment_gateway.presentation.rest.errors import problem
from payment_gateway.presentation.rest.refusals import LIMITED

READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# It asks REST in this process, where each command counts as the write that it is.
ASKS_WITHIN: Final = frozenset({"/graphql"})
# How long somebody else's request may take; nobody knows when a place will be free.
PLACE_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How many requests a second, and how many at once, one subject may send."""

    reads_per_s: int
    writes_per_s: int
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """What every key and every tenant may send.

    Attributes:
        burst_s: So many seconds' worth may come at one moment, after a pause.
    """

    key: Rates
    tenant: Rates
    burst_s: int

    def quotas_of(self, caller: Caller, method: str) -> tuple[Quota, ...]:
        """Return what a caller's request is measured by."""
        tenant, key = caller.tenant_id, f"{caller.tenant_id}|{caller.actor}"
        return (
            self._quota("key", key, self.key, method),
            self._quota("tenant", tenant, self.tenant, method),
        )

    def _quota(self, name: str, subject: str, rates: Rates, method: str) -> Quota:
        reads = method in READ_METHODS
        per_s = rates.reads_per_s if reads else rates.writes_per_s
        return Quota(
            name=name,
            subject=subject,
            kind="reads" if reads else "writes",
            per_s=per_s,
            burst=per_s * self.burst_s,
            at_once=rates.at_once,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """The policy, and what counts requests."""

    policy: LimitPolicy
    limits: RequestLimits


class RequestLimit:
    """ASGI middleware, inside of what knows the caller; without a caller nothing is counted.

    Args:
        app: What answers.
        limiter: Returns what the application was opened with.
    """

    def __init__(self, app: ASGIApp, *, limiter: Callable[[], Limiter]) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        caller = scope.get("caller")
        if scope["type"] != "http" or not isinstance(caller, Caller):
            await self._app(scope, receive, send)
            return
        limiter = self._limiter()
        method = "GET" if scope["path"] in ASKS_WITHIN else scope["method"]
        admission = await limiter.limits.admit(limiter.policy.quotas_of(caller, method))
        told = _headers(admission)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        if admission.excess is not None:
            answer = _refusal(Request(scope), admission, admission.excess)
            await answer(scope, receive, send_with_limits)
            return
        try:
            await self._app(scope, receive, send_with_limits)
        finally:
            await limiter.limits.leave(admission)


def _refusal(request: Request, admission: Admission, excess: Excess) -> ASGIApp:
    refusal = LIMITED[excess]
    return problem(
        request,
        status=refusal.status,
        code=refusal.code,
        detail=refusal.detail or "",
        retryable=refusal.retryable,
        retry_after_s=admission.retry_after_s if excess == "rate" else PLACE_RETRY_S,
    )


def _headers(admission: Admission) -> dict[str, str]:
    pairs = list(zip(admission.quotas, admission.left, strict=True))
    return {
        "RateLimit-Policy": ", ".join(
            f'"{quota.name}";q={quota.burst};w={math.ceil(quota.burst / quota.per_s)}'
            for quota, _ in pairs
        ),
        "RateLimit": ", ".join(
            f'"{quota.name}";r={left.requests};t={math.ceil(left.whole_in_s)}'
            for quota, left in pairs
        ),
    }

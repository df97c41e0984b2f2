"""What a resolver is given: who asks, and the REST interface in their name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import strawberry
from graphql import GraphQLError
from strawberry.fastapi import BaseContext

from payment_gateway.presentation.in_process import Answer, Api, ApiRefused, Done
from payment_gateway.presentation.rest.access import AccessRefused, Authenticate, Caller
from payment_gateway.presentation.rest.refusals import OUTCOME_UNKNOWN

UNAVAILABLE: Final = 503
# What a refusal says beside its message, under the names that REST uses.
TOLD: Final = ("code", "retryable", "requestId", "param", "paymentId", "refundId")


CursorOf = Callable[[str, datetime, str], str]


class Followed(Protocol):
    """An event in a stream."""

    @property
    def answer(self) -> str:
        """The event as REST shows it, as JSON."""
        ...

    @property
    def cursor(self) -> str:
        """Where the stream goes on after it."""
        ...


class FollowEvents(Protocol):
    """Follows a tenant's events."""

    def __call__(
        self, tenant_id: str, after: str | None, types: Sequence[str]
    ) -> AsyncGenerator[Sequence[Followed], None]:
        """Yield them as they come; nothing, now and then, while none do.

        Raises:
            ApiRefused: They cannot be read, or not from there.
        """
        ...


@dataclass
class Context(BaseContext):
    """What a resolver is given.

    Attributes:
        caller: Whoever a request speaks for; ``None`` until a WebSocket has said it.
        authenticate: Finds out who holds a key.
        follow_events: Where the events of a subscription come from.
        api: The REST interface, in their name.
        idempotency_key: Of the request; there is no place for it in the signatures.
        cursor_of: From a tenant and a payment, created then, to where a list goes on after it.
    """

    caller: Caller | None
    api: Api
    idempotency_key: str | None
    cursor_of: CursorOf
    authenticate: Authenticate
    follow_events: FollowEvents

    def __post_init__(self) -> None:
        """Make room for what the framework keeps here: request, response, background tasks."""
        super().__init__()

    async def query(self, path: str, **query: str | None) -> Answer:
        """Return what a query answers.

        Raises:
            GraphQLError: As REST refused it, with the same code.
        """
        try:
            return await self.api.get(path, **query)
        except ApiRefused as refusal:
            raise refused(refusal) from None

    async def check_access(self) -> None:
        """Refuse who may no longer do what they might when they began; while nobody can say, they may.

        Raises:
            GraphQLError: The key is not accepted any more, or speaks for somebody else.
        """
        try:
            caller = await self.authenticate(self.api.key, self.api.client[0])
        except AccessRefused as refusal:
            if refusal.status == UNAVAILABLE:
                return
            raise _no_longer(refusal) from None
        if caller != self.caller:
            raise _no_longer(AccessRefused())

    async def command(self, path: str, body: dict[str, Any]) -> Done:
        """Have something done.

        Raises:
            GraphQLError: As REST refused it, with the same code.
        """
        given = {
            name: value
            for name, value in body.items()
            if value is not None and value is not strawberry.UNSET
        }
        try:
            done = await self.api.post(path, given, idempotency_key=self.idempotency_key)
        except ApiRefused as refusal:
            raise refused(refusal) from None
        if self.response is not None and done.token is not None:
            self.response.headers["Consistency-Token"] = done.token
        return done


def refused(refusal: ApiRefused) -> GraphQLError:
    """Return a refusal of REST as an error of GraphQL."""
    extensions = {name: refusal.problem[name] for name in TOLD if name in refusal.problem}
    return GraphQLError(refusal.detail, extensions=extensions)


def _no_longer(refusal: AccessRefused) -> GraphQLError:
    told = {"code": refusal.code, "retryable": False}
    return GraphQLError(str(refusal), extensions=told)


def in_doubt(payment_id: str) -> GraphQLError:
    """Return the error that stands for an outcome that is not known yet."""
    return GraphQLError(
        "the provider's answer is not known yet; ask for the payment",
        extensions={"code": OUTCOME_UNKNOWN.code, "retryable": False, "paymentId": payment_id},
    )

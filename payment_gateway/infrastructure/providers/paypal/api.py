"""Calls to PayPal's REST interface on behalf of one account."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.infrastructure.providers.answer import Answer
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal.access_token import (
    AccessTokens,
    CredentialsRefused,
)
from payment_gateway.infrastructure.providers.paypal.issues import (
    IN_PROGRESS,
    Refusal,
    read_refusal,
)

# How long to wait before asking again what became of a request of the same id that is under way.
IN_PROGRESS_WAITS_S: Final = (0.1, 0.4, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        operation: What it is for, in logs and reasons.
        request_id: ``PayPal-Request-Id``: PayPal does what it names once. Orders remember it for
            6 hours, payments for 45 days (PayPal OpenAPI).
    """

    operation: str
    method: str
    path: str
    request_id: str | None = None
    body: Mapping[str, Any] | None = None


def get_order(order_id: str) -> Call:
    """Return the call that shows an order."""
    return Call(
        operation="get_order",
        method="GET",
        path=f"/v2/checkout/orders/{quote(order_id, safe='')}",
    )


class PayPalApi:
    """Speaks for one account."""

    def __init__(
        self, http: HttpEndpoint, tokens: AccessTokens, credentials: PayPalCredentialsVO
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._credentials = credentials

    async def call(self, call: Call) -> Answer:
        """Make a call and return its answer, a yes or a no.

        Where another request of the same id is still under way, waits for it a little.

        Raises:
            CredentialsRefused: PayPal does not know the account; nothing was done.
            ProviderUnavailable: Not sent, or told to slow down; nothing was done.
            ProviderOutcomeUnknown: No clear answer.
        """
        answer = await self._authorised(call)
        for wait_s in IN_PROGRESS_WAITS_S:
            if not _in_progress(answer):
                break
            await asyncio.sleep(wait_s)
            try:
                answer = await self._authorised(call)
            except (ProviderUnavailable, CredentialsRefused) as error:
                raise ProviderOutcomeUnknown(f"{call.operation}: {IN_PROGRESS}") from error
        return answer

    async def _authorised(self, call: Call) -> Answer:
        """Send a call; where PayPal no longer accepts the token, once more with a new one.

        A request that is refused for its token was not carried out, so it can be sent again.
        """
        token = await self._tokens.get(self._credentials)
        answer = await self._send(call, token.text.reveal())
        if answer.status != 401:
            return answer
        await self._tokens.drop(self._credentials, token)
        token = await self._tokens.get(self._credentials)
        answer = await self._send(call, token.text.reveal())
        if answer.status == 401 and read_refusal(answer.document()) is None:
            await self._tokens.drop(self._credentials, token)
            raise CredentialsRefused("invalid_token")
        return answer

    async def _send(self, call: Call, token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        if call.request_id is not None:
            headers["PayPal-Request-Id"] = call.request_id
        if call.body is not None:
            headers |= {"Content-Type": "application/json", "Prefer": "return=representation"}
        return await self._http.send(
            call.operation,
            call.path,
            method=call.method,
            headers=headers,
            content=None if call.body is None else msgspec.json.encode(call.body),
        )


def document_of(answer: Answer, operation: str) -> Mapping[str, Any]:
    """Return what a yes carries.

    Raises:
        ProviderOutcomeUnknown: It carries no JSON object.
    """
    document = answer.document()
    if document is None:
        raise ProviderOutcomeUnknown(f"{operation}: {answer.status} without a JSON object")
    return document


def refusal_of(answer: Answer, operation: str) -> Refusal:
    """Return what a no says.

    Raises:
        ProviderOutcomeUnknown: It is not PayPal who says it, or not a no.
    """
    refusal = read_refusal(answer.document())
    if refusal is None or not 400 <= answer.status <= 499:
        raise ProviderOutcomeUnknown(f"{operation}: {answer.status} without PayPal's reason")
    return refusal


def _in_progress(answer: Answer) -> bool:
    if answer.status != 409:
        return False
    refusal = read_refusal(answer.document())
    return refusal is not None and refusal.issue == IN_PROGRESS

"""PayPal Orders v2 as a payment provider."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from payment_gateway.application.ports import (
    CaptureOutcome,
    CheckoutOpened,
    CheckoutOutcome,
    CheckoutReference,
    CheckoutRefused,
    CheckoutRequest,
    Declined,
    Expired,
    ProviderCapabilities,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    RefundOutcome,
    RefundRefused,
    RefundRequest,
    Standing,
)
from payment_gateway.domain.errors import ExchangeRateNotSupported
from payment_gateway.infrastructure.providers.answer import Answer
from payment_gateway.infrastructure.providers.http import operation_deadline
from payment_gateway.infrastructure.providers.paypal.access_token import CredentialsRefused
from payment_gateway.infrastructure.providers.paypal.answers import (
    capture_outcome,
    order_id,
    order_standing,
    payment_page,
    refund_outcome,
)
from payment_gateway.infrastructure.providers.paypal.api import (
    Call,
    PayPalApi,
    document_of,
    get_order,
    refusal_of,
)
from payment_gateway.infrastructure.providers.paypal.issues import (
    IssueClass,
    Refusal,
)
from payment_gateway.infrastructure.providers.paypal.money import CURRENCIES
from payment_gateway.infrastructure.providers.paypal.requests import (
    check_checkout,
    order_body,
    refund_body,
)
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted

CAPABILITIES: Final = ProviderCapabilities(
    refund=True,
    captures_on_approval=False,
    prepares=False,
    exchange_rate=False,
    currencies=CURRENCIES,
)


class PayPalProvider:
    """One tenant's PayPal account."""

    capabilities: ProviderCapabilities = CAPABILITIES

    def __init__(
        self,
        api: PayPalApi,
        *,
        checkout_validity_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._checkout_validity = timedelta(seconds=checkout_validity_s)
        self._now = now

    def check(self, request: CheckoutRequest) -> None:
        """Refuse a currency that PayPal does not take, and fractions of HUF, JPY and TWD.

        Raises:
            InvalidValue: The currency.
            InvalidAmountError: A fraction.
        """
        check_checkout(request)

    async def prepare(self, currency: str) -> str | None:  # noqa: ARG002 - the port has it; PayPal has one host
        """Return ``None``: PayPal's idempotency needs nothing from it beforehand."""
        return None

    @operation_deadline("create_checkout")
    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        """Create an order and return its payment page.

        Sent with the attempt's id: for 6 hours PayPal answers a repetition with the same order.
        After that it makes another, whose page is then the only one anybody ever saw.

        Raises:
            ProviderUnavailable: Nothing was created; ``AccountNotAccepted`` where PayPal does not know
                the account, which says nothing about the payment.
            ProviderOutcomeUnknown: It may have been created. Calling again with the same attempt
                is safe, and the only way to learn about it: an order can be asked about by the id
                PayPal gave it, which is what got lost.

        Source: PayPal OpenAPI ``checkout_orders_v2.json``, ``POST /v2/checkout/orders``.
        """
        call = Call(
            operation="create_order",
            method="POST",
            path="/v2/checkout/orders",
            request_id=request.attempt_id,
            body=order_body(request),
        )
        answer = await self._call(call)
        if not answer.ok:
            return _checkout_refused(refusal_of(answer, call.operation))
        order = document_of(answer, call.operation)
        provider_order_id, page = order_id(order), payment_page(order)
        if provider_order_id is None or page is None:
            raise ProviderOutcomeUnknown("create_order: no order with a page in the answer")
        return CheckoutOpened(
            provider_order_id=provider_order_id,
            checkout_url=page,
            expires_at=self._now() + self._checkout_validity,
        )

    @operation_deadline("inquire")
    async def inquire(self, checkout: CheckoutReference) -> Standing:
        """Ask PayPal where an order stands.

        An order that PayPal no longer has was never paid and can no longer be.

        Raises:
            ProviderUnavailable: PayPal was not asked.
            ProviderOutcomeUnknown: No clear answer, or there is no order id to ask with: then
                ``create_checkout`` with the same attempt gives the same order again.

        Source: PayPal OpenAPI ``checkout_orders_v2.json``, ``GET /v2/checkout/orders/{id}``.
        """
        if checkout.provider_order_id is None:
            raise ProviderOutcomeUnknown("get_order: PayPal gave no order id yet")
        answer = await self._call(get_order(checkout.provider_order_id))
        if answer.ok:
            return order_standing(document_of(answer, "get_order"))
        refusal = refusal_of(answer, "get_order")
        if refusal.kind is IssueClass.GONE and answer.status in {404, 422}:
            return Expired()
        raise ProviderOutcomeUnknown(f"get_order: {refusal.issue}")

    @operation_deadline("capture")
    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:
        """Take the money of an order that the payer has approved.

        Sent with ``capture_id``, which PayPal remembers for 6 hours. After that an order that was
        captured says so, and its capture is taken over: the money is never taken twice. An order
        that is not approved is ``Declined``, recoverable: the payer's turn.

        Raises:
            ProviderUnavailable: Nothing was taken.
            ProviderOutcomeUnknown: The money may have been taken: inquire.

        Source: PayPal OpenAPI ``checkout_orders_v2.json``, ``POST /v2/checkout/orders/{id}/capture``.
        """
        provider_order_id = checkout.provider_order_id
        if provider_order_id is None:
            raise ProviderOutcomeUnknown("capture: PayPal gave no order id yet")
        call = Call(
            operation="capture",
            method="POST",
            path=f"/v2/checkout/orders/{quote(provider_order_id, safe='')}/capture",
            request_id=capture_id,
            body={},
        )
        answer = await self._call(call)
        if answer.ok:
            outcome = capture_outcome(document_of(answer, call.operation))
            return outcome or await self._captured_before(provider_order_id)
        refusal = refusal_of(answer, call.operation)
        match refusal.kind:
            case IssueClass.PAYERS_TURN:
                return Declined(reason=refusal.issue, recoverable=True)
            case IssueClass.DECLINED | IssueClass.GONE | IssueClass.REFUSED:
                return Declined(reason=refusal.issue, recoverable=False)
            case IssueClass.DONE_BEFORE:
                return await self._captured_before(provider_order_id)
            case IssueClass.UNCLEAR | None:
                raise ProviderOutcomeUnknown(f"capture: {refusal.issue}")

    @operation_deadline("refund")
    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back.

        Sent with the refund's id, twice: as ``PayPal-Request-Id``, which PayPal remembers for 45
        days and answers with what became of that refund, and as ``invoice_id``, which stays unique
        after that.

        Raises:
            ProviderUnavailable: Nothing was given back.
            ProviderOutcomeUnknown: It may have been given back: call again with the same id.

        Source: PayPal OpenAPI ``payments_payment_v2.json``, ``POST .../captures/{id}/refund``.
        """
        call = Call(
            operation="refund",
            method="POST",
            path=f"/v2/payments/captures/{quote(request.capture_reference, safe='')}/refund",
            request_id=request.refund_id,
            body=refund_body(request),
        )
        answer = await self._call(call)
        if answer.ok:
            return refund_outcome(document_of(answer, call.operation), asked=request.amount)
        refusal = refusal_of(answer, call.operation)
        match refusal.kind:
            case (
                IssueClass.REFUSED | IssueClass.PAYERS_TURN | IssueClass.DECLINED | IssueClass.GONE
            ):
                return RefundRefused(reason=refusal.issue)
            case IssueClass.DONE_BEFORE | IssueClass.UNCLEAR | None:
                # Fully refunded: by this very refund long ago, or by hand. Which, a person can tell.
                raise ProviderOutcomeUnknown(f"refund: {refusal.issue}")

    async def exchange_rate(self, currency: str) -> Decimal:  # noqa: ARG002 - there is none for any
        """Refuse: the Orders API names no rates.

        Raises:
            ExchangeRateNotSupported: Always.
        """
        raise ExchangeRateNotSupported("PAYPAL")

    async def _captured_before(self, provider_order_id: str) -> CaptureOutcome:
        """Return what became of a capture that PayPal says was made before."""
        try:
            answer = await self._call(get_order(provider_order_id))
        except ProviderUnavailable as error:
            raise ProviderOutcomeUnknown(f"capture: made before, then {error.reason}") from error
        outcome = capture_outcome(document_of(answer, "get_order")) if answer.ok else None
        if outcome is None:
            raise ProviderOutcomeUnknown("capture: made before, but the order shows none")
        return outcome

    async def _call(self, call: Call) -> Answer:
        try:
            return await self._api.call(call)
        except CredentialsRefused as refused:
            raise AccountNotAccepted(f"{call.operation}: {refused.reason}") from refused


def _checkout_refused(refusal: Refusal) -> CheckoutRefused:
    """Read a no to an order, which is a no even if its reason is new: nobody can pay such an order."""
    if refusal.kind in {IssueClass.UNCLEAR, IssueClass.DONE_BEFORE}:
        raise ProviderOutcomeUnknown(f"create_order: {refusal.issue}")
    return CheckoutRefused(reason=refusal.issue)

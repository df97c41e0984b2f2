"""A provider in memory, with a ledger and with faults on demand; held to the providers' contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from payment_gateway.application.ports import (
    Absent,
    Approved,
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    CaptureOutcome,
    CheckoutOpened,
    CheckoutOutcome,
    CheckoutReference,
    CheckoutRefused,
    CheckoutRequest,
    CircuitReport,
    Declined,
    Expired,
    LastHour,
    Provider,
    ProviderCapabilities,
    ProviderOutcomeUnknown,
    ProviderReport,
    ProviderUnavailable,
    Refunded,
    RefundOutcome,
    RefundRefused,
    RefundRequest,
    Standing,
)
from payment_gateway.domain.errors import (
    ExchangeRateNotSupported,
    InvalidValue,
    RefundNotSupported,
    UnsupportedProviderError,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_credentials import (
    PayPalCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.domain.value_objects.secret_text import SecretText

# not_sent: nothing happened. lost_before, lost_after: no answer, the work not done or done.
# refused, declined: the provider's own no.
Fault = Literal["not_sent", "lost_before", "lost_after", "refused", "declined"]
OrderState = Literal["open", "approved", "captured", "cancelled", "expired", "declined"]
EXPIRES_AT = datetime(2026, 1, 1, 15, tzinfo=UTC)


@dataclass
class Order:
    amount: PaymentAmountVO
    state: OrderState = "open"
    capture: str | None = None


@dataclass
class FakeProvider:
    """Captures on demand like PayPal, or on approval like Pagadito."""

    captures_on_approval: bool = False
    currencies: frozenset[str] = frozenset({"USD"})
    orders: dict[str, Order] = field(default_factory=dict)
    refunds: dict[str, PaymentAmountVO] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities(
            refund=not self.captures_on_approval,
            captures_on_approval=self.captures_on_approval,
            prepares=self.captures_on_approval,
            exchange_rate=self.captures_on_approval,
            currencies=self.currencies,
        )

    @property
    def captured_minor(self) -> int:
        return sum(o.amount.amount_minor for o in self.orders.values() if o.capture)

    @property
    def refunded_minor(self) -> int:
        return sum(amount.amount_minor for amount in self.refunds.values())

    def fail(self, operation: str, *faults: Fault) -> None:
        self.faults.setdefault(operation, []).extend(faults)

    def approve(self, order_id: str) -> None:
        order = self.orders[order_id]
        order.state = "approved"
        if self.captures_on_approval:
            self._take(order_id)

    def check(self, request: CheckoutRequest) -> None:
        if request.amount.currency not in self.capabilities.currencies:
            raise InvalidValue("not a currency of this provider", param="currency")

    async def prepare(self, currency: str) -> str | None:
        if not self.captures_on_approval:
            return None
        self._before("prepare")
        return f"T{len(self.calls)}"

    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        fault = self._before("create")
        if fault == "refused":
            return CheckoutRefused(reason="NO")
        order_id = request.handle or f"O-{request.attempt_id}"
        if request.handle in self.orders:
            raise ProviderOutcomeUnknown("this reference number was sent before")
        self.orders.setdefault(order_id, Order(request.amount))
        self._after(fault)
        return CheckoutOpened(
            provider_order_id=order_id,
            checkout_url=f"https://provider.example/{order_id}",
            expires_at=EXPIRES_AT,
        )

    async def inquire(self, checkout: CheckoutReference) -> Standing:
        self._before("inquire")
        order_id = checkout.provider_order_id or checkout.handle or ""
        order = self.orders.get(order_id)
        if order is None:
            return Absent()
        match order.state:
            case "open":
                return AwaitingPayer()
            case "approved":
                return Approved()
            case "captured":
                refunded = PaymentAmountVO(self.refunded_minor, order.amount.currency)
                return Captured(
                    reference=order.capture or "", amount=order.amount, refunded=refunded
                )
            case "cancelled":
                return CancelledByPayer()
            case "expired":
                return Expired()
            case "declined":
                return Declined(reason="DECLINED", recoverable=False)

    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:
        fault = self._before("capture")
        order_id = checkout.provider_order_id or ""
        if order_id not in self.orders or self.orders[order_id].state in {"cancelled", "expired"}:
            return Declined(reason="NO_SUCH_ORDER", recoverable=False)
        if self.orders[order_id].state == "open":
            return Declined(reason="ORDER_NOT_APPROVED", recoverable=True)
        if fault == "declined":
            return Declined(reason="INSTRUMENT_DECLINED", recoverable=True)
        if fault == "refused":
            self.orders[order_id].state = "declined"
            return Declined(reason="REFUSED", recoverable=False)
        self._take(order_id)
        self._after(fault)
        order = self.orders[order_id]
        return Captured(reference=order.capture or "", amount=order.amount)

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        if not self.capabilities.refund:
            raise RefundNotSupported("FAKE")
        fault = self._before("refund")
        if fault == "refused":
            return RefundRefused(reason="REFUND_NOT_ALLOWED")
        left = self.captured_minor - self.refunded_minor
        if request.refund_id not in self.refunds and request.amount.amount_minor > left:
            return RefundRefused(reason="REFUND_AMOUNT_EXCEEDED")
        self.refunds.setdefault(request.refund_id, request.amount)
        self._after(fault)
        return Refunded(reference=f"R-{request.refund_id}")

    async def exchange_rate(self, currency: str) -> Decimal:
        if not self.capabilities.exchange_rate:
            raise ExchangeRateNotSupported("FAKE")
        if self._before("exchange_rate"):
            raise ProviderUnavailable("no rate")
        return Decimal("7.70") if currency == "GTQ" else Decimal(1)

    def _take(self, order_id: str) -> None:
        order = self.orders[order_id]
        order.state, order.capture = "captured", f"C-{order_id}"

    def _before(self, operation: str) -> Fault | None:
        self.calls.append(operation)
        waiting = self.faults.get(operation)
        fault = waiting.pop(0) if waiting else None
        if fault == "not_sent":
            raise ProviderUnavailable("connection refused")
        if fault == "lost_before":
            raise ProviderOutcomeUnknown("timeout")
        return fault

    def _after(self, fault: Fault | None) -> None:
        if fault == "lost_after":
            raise ProviderOutcomeUnknown("timeout")


@dataclass(frozen=True)
class FakeProviderFactory:
    """Knows the given providers by their types."""

    providers: Mapping[str, FakeProvider]

    def capabilities(self, provider_type: str) -> ProviderCapabilities:
        return self._provider(provider_type).capabilities

    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        self._provider(provider_type)
        if set(fields) != {"secret"}:
            raise InvalidValue("the credentials are a secret", param="credentials")
        return PayPalCredentialsVO(
            client_id="id",
            client_secret=SecretText(str(fields["secret"])),
            webhook_id="w",
            sandbox=True,
        )

    def create(
        self, provider_type: str, credentials: ProviderCredentials, *, tenant_id: str
    ) -> Provider:
        return self._provider(provider_type)

    def _provider(self, provider_type: str) -> FakeProvider:
        provider = self.providers.get(provider_type)
        if provider is None:
            raise UnsupportedProviderError(provider_type, tuple(self.providers))
        return provider


@dataclass(frozen=True)
class FakeProviderHealth:
    """Reports the same of every account."""

    provider_types: tuple[str, ...] = ("PAGADITO", "PAYPAL")

    async def report(self, provider_type: str, *, tenant_id: str, sandbox: bool) -> ProviderReport:
        return ProviderReport(
            circuit=CircuitReport(state="closed", open_until=None),
            last_hour=LastHour(
                calls=0, success_rate=None, latency_ms_p50=None, latency_ms_p95=None
            ),
            last_failure=None,
        )

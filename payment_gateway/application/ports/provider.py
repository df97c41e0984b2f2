"""The companies that move money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCapabilities:
    """What a provider can do.

    Attributes:
        refund: Whether money can be given back through its interface.
        captures_on_approval: Whether the payer's approval itself moves the money; where it does
            not, a capture has to follow.
        prepares: Whether ``Provider.prepare`` calls the provider.
        exchange_rate: Whether it says what a currency is worth to it.
        currencies: ISO 4217 codes it takes.
    """

    refund: bool
    captures_on_approval: bool
    prepares: bool
    exchange_rate: bool
    currencies: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """What a provider is to make a checkout for.

    Attributes:
        attempt_id: The id of the intent, the idempotency key where the provider knows such.
        reference_number: What the merchant and the provider call this attempt, unique for ever.
        handle: What ``Provider.prepare`` returned.
        return_url: Where the payer's browser comes back after approving.
    """

    payment_id: str
    attempt_id: str
    reference_number: str
    handle: str | None
    amount: PaymentAmountVO
    lines: tuple[PaymentDetailVO, ...]
    allow_pending: bool
    return_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutReference:
    """What identifies an attempt at its provider.

    Attributes:
        provider_order_id: The provider's id of the checkout; ``None`` where its answer was lost.
        handle: What ``Provider.prepare`` returned.
        amount: What is to be paid.
    """

    payment_id: str
    provider_order_id: str | None
    handle: str | None
    amount: PaymentAmountVO


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOpened:
    """There is a page where the payer can pay."""

    provider_order_id: str
    checkout_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRefused:
    """The provider said no, and holds nothing. ``reason`` is its own code."""

    reason: str


CheckoutOutcome = CheckoutOpened | CheckoutRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The money was taken.

    Attributes:
        amount: ``None`` where the provider does not say how much.
        refunded: What was given back of it since; ``None`` where the provider does not say.
    """

    reference: str
    amount: PaymentAmountVO | None
    refunded: PaymentAmountVO | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The provider has the payment and holds it back; it will turn out either way."""

    reference: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """No money was taken. ``recoverable``: the payer may try another means in the same checkout."""

    reason: str
    recoverable: bool


CaptureOutcome = Captured | Held | Declined


@dataclass(frozen=True, slots=True)
class AwaitingPayer:
    """The payer has not approved yet."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The payer approved; a capture would take the money."""


@dataclass(frozen=True, slots=True)
class CancelledByPayer:
    """The payer called it off; it can no longer be paid."""


@dataclass(frozen=True, slots=True)
class Expired:
    """It was never paid and can no longer be."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider has never heard of it."""


Standing = (
    AwaitingPayer | Approved | Captured | Held | Declined | CancelledByPayer | Expired | Absent
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What is to be given back.

    Attributes:
        refund_id: The id of the intent, the same each time this refund is asked for.
        capture_reference: The provider's id of what moved the money.
    """

    payment_id: str
    refund_id: str
    capture_reference: str
    amount: PaymentAmountVO
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """The money was given back; ``reference`` is the provider's id of the refund."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundHeld:
    """The provider took the refund on and will carry it out later."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused:
    """The provider said no; nothing was given back. ``reason`` is its own code."""

    reason: str


RefundOutcome = Refunded | RefundHeld | RefundRefused


class Provider(Protocol):
    """One tenant's account at a company that moves money.

    Every call may raise:
        ProviderUnavailable: It never left, or the provider said to slow down. Nothing happened.
        ProviderOutcomeUnknown: It may have arrived, and no clear yes or no came back.
    """

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What this provider can do."""
        ...

    def check(self, request: CheckoutRequest) -> None:
        """Refuse what the provider's own rules do not allow, before anything is sent.

        Raises:
            DomainError: A value the provider would refuse.
        """
        ...

    async def prepare(self, currency: str) -> str | None:
        """Return what an attempt in this currency is stored with, to be asked about later."""
        ...

    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        """Make the page where the payer pays. The same ``attempt_id`` never makes two."""
        ...

    async def inquire(self, checkout: CheckoutReference) -> Standing:
        """Ask where an attempt stands. Changes nothing."""
        ...

    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:
        """Take the money of an approved checkout. The same ``capture_id`` never takes it twice."""
        ...

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back. The same ``refund_id`` never gives it twice.

        Raises:
            RefundNotSupported: The provider cannot; see its capabilities.
        """
        ...

    async def exchange_rate(self, currency: str) -> Decimal:
        """Return the provider's own rate for one of its currencies, exactly as it names it.

        Asking moves no money: whatever goes wrong, ``ProviderOutcomeUnknown`` is not raised.

        Raises:
            ExchangeRateNotSupported: The provider names none; see its capabilities.
            InvalidValue: It has no rate for this currency.
        """
        ...


class ProviderFactory(Protocol):
    """Makes providers of the types there are adapters for."""

    def capabilities(self, provider_type: str) -> ProviderCapabilities:
        """Return what a provider can do.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...

    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        """Read what a tenant stored or wants to store.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
            InvalidValue: A field is missing, unknown or of the wrong form. Echoes no secret.
        """
        ...

    def create(
        self, provider_type: str, credentials: ProviderCredentials, *, tenant_id: str
    ) -> Provider:
        """Return the provider, speaking for the account of these credentials, the tenant's.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...


class ProviderUnavailable(Exception):
    """The provider was not reached or would not listen. Nothing happened; trying again is safe."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class ProviderOutcomeUnknown(Exception):
    """The request may have arrived and no clear answer came. Ask before trying again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

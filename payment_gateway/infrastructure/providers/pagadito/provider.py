"""Pagadito as a payment provider: the payer's approval itself moves the money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

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
    Declined,
    Expired,
    Held,
    ProviderCapabilities,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    RefundOutcome,
    RefundRequest,
    Standing,
)
from payment_gateway.domain.errors import InvalidValue, RefundNotSupported
from payment_gateway.infrastructure.providers.http import operation_deadline
from payment_gateway.infrastructure.providers.pagadito.api import (
    AccountRefused,
    Operation,
    PagaditoApi,
    Result,
)
from payment_gateway.infrastructure.providers.pagadito.codes import (
    CURRENCY_REFUSED,
    EXCHANGE_RATE,
    REGISTERED,
    STATUS,
    CodeClass,
)
from payment_gateway.infrastructure.providers.pagadito.exchange_rates import exchange_rate
from payment_gateway.infrastructure.providers.pagadito.requests import (
    CURRENCIES,
    charge_fields,
    check_checkout,
)
from payment_gateway.infrastructure.providers.pagadito.statuses import standing
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted
from payment_gateway.infrastructure.providers.wording import checkout_address

CAPABILITIES: Final = ProviderCapabilities(
    refund=False,
    captures_on_approval=True,
    prepares=True,
    exchange_rate=True,
    currencies=CURRENCIES,
)
# A session token may be used up between its making and its use; a new one twice in a row is not.
_SESSIONS_MAX: Final = 2


class PagaditoProvider:
    """One tenant's Pagadito account.

    A transaction is registered under the token of the session that registers it. That token is the
    handle: kept before anything is registered, it can be asked about whatever happens to the answer.
    """

    capabilities: ProviderCapabilities = CAPABILITIES

    def __init__(
        self,
        api_for: Callable[[str], PagaditoApi],
        *,
        checkout_validity_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the way to Pagadito, by currency: it has hosts of its own for some."""
        self._api_for = api_for
        self._checkout_validity = timedelta(seconds=checkout_validity_s)
        self._now = now

    def check(self, request: CheckoutRequest) -> None:
        """Refuse a currency that Pagadito does not take.

        Raises:
            InvalidValue: The currency.
        """
        check_checkout(request)

    async def prepare(self, currency: str) -> str | None:
        """Open a session and return its token.

        Raises:
            ProviderUnavailable: No session; nothing happened. ``AccountNotAccepted`` where Pagadito does
                not know the account, or has switched it off.
        """
        try:
            return await self._api_for(currency).connect()
        except AccountRefused as refused:
            raise AccountNotAccepted(f"connect: {refused.code}") from refused

    @operation_deadline("create_checkout")
    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        """Register a transaction under the handle and return its payment page.

        Raises:
            ProviderUnavailable: Nothing was registered.
            ProviderOutcomeUnknown: It may have been registered: inquire with the handle. The
                page's address is lost then, so that nobody can pay it.

        Source: Pagadito's PHP library 1.5.2, ``exec_trans``.
        """
        api = self._api_for(request.amount.currency)
        if request.handle is None:  # as attempts once were stored: nothing can be registered
            return CheckoutRefused(reason="account_refused")
        fields = {"token": request.handle, **charge_fields(request)}
        result = await api.call(Operation.EXEC_TRANS, fields)
        if result.code == REGISTERED:
            return self._opened(request.handle, result.value)
        match result.kind:
            case CodeClass.REFUSED:
                return CheckoutRefused(reason=result.code)
            case CodeClass.STALE_TOKEN:
                await self._require_absence(api, request.handle, request.amount.currency)
                raise ProviderUnavailable(f"exec_trans: {result.code}")
            case _:
                raise ProviderOutcomeUnknown(f"exec_trans: {result.code}")

    @operation_deadline("inquire")
    async def inquire(self, checkout: CheckoutReference) -> Standing:
        """Ask Pagadito where a transaction stands.

        Raises:
            ProviderUnavailable: Pagadito was not asked.
            ProviderOutcomeUnknown: No clear answer.

        Source: Pagadito's PHP library 1.5.2, ``get_status``.
        """
        token = checkout.provider_order_id or checkout.handle
        if token is None:
            return Absent()  # nothing is ever registered without a handle
        currency = checkout.amount.currency
        return await self._status(self._api_for(currency), token, currency)

    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:  # noqa: ARG002 - nothing is sent that it could name
        """Say what became of the money, which the payer's approval has moved or not.

        Nothing is sent that could take money. A transaction that the payer has not paid yet is
        ``Declined``, recoverable: the payer's turn.

        Raises:
            ProviderUnavailable: Pagadito was not asked.
            ProviderOutcomeUnknown: No clear answer.
        """
        match await self.inquire(checkout):
            case Captured() | Held() | Declined() as outcome:
                return outcome
            case AwaitingPayer() | Approved():
                return Declined(reason="REGISTERED", recoverable=True)
            case CancelledByPayer():
                return Declined(reason="CANCELED", recoverable=False)
            case Expired():
                return Declined(reason="EXPIRED", recoverable=False)
            case Absent():
                return Declined(reason="PG3003", recoverable=False)

    async def refund(self, request: RefundRequest) -> RefundOutcome:  # noqa: ARG002 - refused whatever it is
        """Refuse: Pagadito has no refunds but by hand, in its own pages.

        Raises:
            RefundNotSupported: Always.
        """
        raise RefundNotSupported("PAGADITO")

    @operation_deadline("exchange_rate")
    async def exchange_rate(self, currency: str) -> Decimal:
        """Return Pagadito's rate between a currency and the US dollar, as it names it.

        Raises:
            InvalidValue: Pagadito has no rate for this currency.
            ProviderUnavailable: No rate; asking moves no money, so whatever went wrong: nothing
                happened.

        Source: Pagadito's PHP library 1.5.2, ``get_exchange_rate``.
        """
        try:
            result = await self._ask(
                self._api_for(currency), Operation.GET_EXCHANGE_RATE, {"currency": currency}
            )
        except ProviderOutcomeUnknown as error:
            raise ProviderUnavailable(error.reason) from error
        if result.code == CURRENCY_REFUSED:
            raise InvalidValue(f"Pagadito names no rate for {currency}", param="currency")
        rate = exchange_rate(result.value) if result.code == EXCHANGE_RATE else None
        if rate is None:
            raise ProviderUnavailable(f"get_exchange_rate: {result.code} without a rate")
        return rate

    def _opened(self, token: str, value: Any) -> CheckoutOpened:
        # Some answers carry the address percent-encoded; Pagadito's own library always decodes it.
        encoded = isinstance(value, str) and "%3a%2f%2f" in value.lower()
        page = checkout_address(unquote(value) if encoded else value)
        if page is None:
            raise ProviderOutcomeUnknown("exec_trans: registered, but no page in the answer")
        return CheckoutOpened(
            provider_order_id=token,
            checkout_url=page,
            expires_at=self._now() + self._checkout_validity,
        )

    async def _require_absence(self, api: PagaditoApi, token: str, currency: str) -> None:
        """Make sure that a token is refused because it is old, not because it was used.

        Raises:
            ProviderUnavailable: Pagadito was not asked, or there is nothing under the token.
            ProviderOutcomeUnknown: There is a transaction under it, or no clear answer.
        """
        try:
            found = await self._status(api, token, currency)
        except ProviderUnavailable as error:
            raise ProviderOutcomeUnknown(f"exec_trans: {error.reason}") from error
        if not isinstance(found, Absent):
            raise ProviderOutcomeUnknown("exec_trans: registered before")

    async def _status(self, api: PagaditoApi, token: str, currency: str) -> Standing:
        result = await self._ask(api, Operation.GET_STATUS, {"token_trans": token})
        if result.kind is CodeClass.ABSENT:
            return Absent()
        if result.code != STATUS or not isinstance(result.value, Mapping):
            raise ProviderOutcomeUnknown(f"get_status: {result.code}")
        return standing(result.value, token=token, currency=currency)

    async def _ask(
        self, api: PagaditoApi, operation: Operation, fields: Mapping[str, str]
    ) -> Result:
        """Ask in a session of its own, as Pagadito wants it; in another if that one went stale."""
        for _ in range(_SESSIONS_MAX):
            try:
                session = await api.connect()
            except AccountRefused as refused:
                raise AccountNotAccepted(f"connect: {refused.code}") from refused
            result = await api.call(operation, {"token": session, **fields})
            if result.kind is not CodeClass.STALE_TOKEN:
                return result
        raise ProviderOutcomeUnknown(f"{operation.name.lower()}: {result.code}")

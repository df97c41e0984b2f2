"""Take on an order that is paid in parts by several providers: all of them, or none in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import structlog

from payment_gateway.application.commands.initiate_payment import (
    NUMBERS_TRIED_MAX,
    PaymentRequest,
    check_payment,
    store_payment,
)
from payment_gateway.application.commands.show_split import SplitView, show_split
from payment_gateway.application.commands.split_payment_steps import advance_split
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CommandContext,
    EventStoreUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.domain.aggregates.split import StartSplit, decide
from payment_gateway.domain.errors import ExternalReferenceInUse, InvalidAmountError
from payment_gateway.domain.events.split import SplitPart
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

# Shorter than an idle payment is kept, so that the last part is still there when its turn comes.
PAY_WITHIN: Final = timedelta(hours=3)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRequest:
    """What one provider is to take."""

    provider: ProviderTypeVO
    details: PaymentDetailsVO


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest:
    """What an order service asks for.

    Attributes:
        customer: ``reference`` and what else is known of the person; sealed.
        reserved: A number set aside for it; ``None`` to be given one.
    """

    tenant_id: TenantIdVO
    order_id: str
    amount: PaymentAmountVO
    parts: tuple[PartRequest, ...]
    customer: Mapping[str, Any] | None
    reserved: ExternalReferenceNumberVO | None = None


async def split_payment(
    request: SplitRequest, context: CommandContext, gateway: Gateway
) -> SplitView:
    """Store the parts and the split, then open the checkouts that may be paid first.

    The parts' payments are stored before the split: until it is there nobody opens them, and without
    it they lapse unpaid.

    Returns:
        The split: ``AWAITING_PAYER``, ``STARTED`` where a provider could not be reached yet and is
        tried again, or already given up where one refused.

    Raises:
        DomainError: As for ``initiate_payment``, or the parts do not fit together. Nothing was stored.
        EventStoreUnavailable: No answer. If the split was stored it ends unpaid; ask anew.
    """
    refuse_if_match(context)
    if Decimal(request.amount.decimal) > gateway.amount_max:
        currency = request.amount.currency
        raise InvalidAmountError(f"an amount is at most {gateway.amount_max:f} {currency}")
    if request.reserved is not None:
        return await _store_reserved(request, request.reserved, context, gateway)
    for last in [False] * (NUMBERS_TRIED_MAX - 1) + [True]:
        number = gateway.external_references.next()
        try:
            split_id = await _store(request, number, context, gateway)
        except ExternalReferenceInUse:
            if last:
                raise
        else:
            return await _open(split_id, context, gateway)
    raise AssertionError("unreachable")


async def _store_reserved(
    request: SplitRequest,
    number: ExternalReferenceNumberVO,
    context: CommandContext,
    gateway: Gateway,
) -> SplitView:
    """Go on with the split of that number where one was begun before."""
    split_id = SplitIdVO.of(number)
    try:
        await _store(request, number, context, gateway)
    except ExternalReferenceInUse:
        await gateway.splits.find(split_id, tenant_id=context.tenant_id)
    return await _open(split_id, context, gateway)


async def _store(
    request: SplitRequest,
    number: ExternalReferenceNumberVO,
    context: CommandContext,
    gateway: Gateway,
) -> SplitIdVO:
    payments = [
        (_payment_request(request, part), _number_of_part(number, place))
        for place, part in enumerate(request.parts, start=1)
    ]
    command = _command(request, number, context, gateway)
    decide(command, None)
    for payment, its_number in payments:
        await check_payment(payment, its_number, gateway)
    for payment, its_number in payments:
        await store_payment(payment, its_number, context, gateway)
    await gateway.splits.execute(command.split_id, command, context=context)
    return command.split_id


async def _open(split_id: SplitIdVO, context: CommandContext, gateway: Gateway) -> SplitView:
    try:
        return (await advance_split(split_id, context, gateway)).view
    except (EventStoreUnavailable, StreamMoved, SealBroken) as error:
        # The split stands; whoever looks at it next goes on from here.
        log.warning(
            "split.not_opened",
            split_id=split_id.value,
            tenant_id=context.tenant_id,
            error=type(error).__name__,
        )
        return await show_split(split_id, tenant_id=context.tenant_id, gateway=gateway)


def _command(
    request: SplitRequest,
    number: ExternalReferenceNumberVO,
    context: CommandContext,
    gateway: Gateway,
) -> StartSplit:
    parts = tuple(
        SplitPart(
            payment_id=PaymentIdVO.of(_number_of_part(number, place)).value,
            provider=part.provider.value,
            amount_minor=part.details.amount.amount_minor,
            refundable=gateway.provider_factory.capabilities(part.provider.value).refund,
        )
        for place, part in enumerate(request.parts, start=1)
    )
    return StartSplit(
        split_id=SplitIdVO.of(number),
        tenant_id=request.tenant_id,
        external_reference=number,
        order_id=request.order_id,
        amount=request.amount,
        parts=parts,
        pay_until=context.at + PAY_WITHIN,
    )


def _number_of_part(number: ExternalReferenceNumberVO, place: int) -> ExternalReferenceNumberVO:
    """Return a number of the part's own: longer than any that is given out, so never one of those."""
    return ExternalReferenceNumberVO(f"{number}{place:02}")


def _payment_request(request: SplitRequest, part: PartRequest) -> PaymentRequest:
    return PaymentRequest(
        tenant_id=request.tenant_id,
        provider=part.provider,
        details=part.details,
        order_id=request.order_id,
        external_reference=None,
        fallback_providers=(),
        allow_pending=False,
        return_url=None,
        cancel_url=None,
        custom_params=None,
        customer=request.customer,
    )

"""Take an order's payment on: store the intent, then have its provider make a checkout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Final

from payment_gateway.application.commands.checkout_attempt import (
    checkout_request,
    credential_version,
    foreseen,
    start_attempt,
)
from payment_gateway.application.commands.open_checkout import open_checkout
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext, Provider
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.application.services.personal_data_service import SubjectForgotten
from payment_gateway.application.services.stream_service import Loaded, refuse_if_match
from payment_gateway.application.services.subject_service import customer_subject_id
from payment_gateway.application.services.tenant_service import check_return_url
from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_commands import InitiatePayment, StartProviderAttempt
from payment_gateway.domain.aggregates.payment_state import fold
from payment_gateway.domain.errors import (
    ExternalReferenceInUse,
    InvalidAmountError,
    InvalidValue,
    PaymentNotFound,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

ORDER_ID_LENGTH_MAX: Final = 128
FALLBACK_PROVIDERS_MAX: Final = 10
CUSTOM_PARAMS_BYTES_MAX: Final = 4096
NUMBERS_TRIED_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """What an order service asks for.

    Attributes:
        external_reference: The caller's own number; ``None`` to be given one.
        custom_params: Given back untouched; ``CUSTOM_PARAMS_BYTES_MAX`` as JSON at most.
        customer: ``reference`` and what else is known of the person; sealed.
        default_fallbacks: Those of the tenant, where the caller names none; no part of what was asked.
        reserved: A number set aside, for where the caller names none; no part of what was asked.
    """

    tenant_id: TenantIdVO
    provider: ProviderTypeVO
    details: PaymentDetailsVO
    order_id: str
    external_reference: ExternalReferenceNumberVO | None
    fallback_providers: tuple[ProviderTypeVO, ...]
    allow_pending: bool
    return_url: str | None
    cancel_url: str | None
    custom_params: Mapping[str, Any] | None
    customer: Mapping[str, Any] | None
    default_fallbacks: tuple[ProviderTypeVO, ...] = ()
    reserved: ExternalReferenceNumberVO | None = None


async def initiate_payment(
    request: PaymentRequest, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Store the intent and open a checkout; the same request again gives the same payment.

    Returns:
        The payment: ``AWAITING_PAYER`` with its checkout; ``UNKNOWN``, or ``CREATED`` while another
        request is asking the provider, without one.

    Raises:
        PreconditionFailed: The caller names a revision of what is not there yet.
        InvalidValue: A value is wrong. Nothing was stored, nothing was sent.
        TenantNotFound: No such tenant.
        UnsupportedProviderError: No adapter for the provider or a fallback.
        ProviderNotConfigured: The tenant has no account there.
        CredentialRevoked: The tenant's credentials there must not be used any more.
        ProviderDisabled: The tenant takes no new payments with it.
        ReturnUrlNotAllowed: The payer would be sent where the tenant has not said.
        ExternalReferenceInUse: The number names another payment.
        ProviderUnavailableError: The provider was not reached; the same request may be sent again.
        PaymentFailedError: The provider refused; the payment has ended.
        EventStoreUnavailable: No answer; the same request may be sent again with the same number.
    """
    refuse_if_match(context)
    provider = await _checked_provider(request, gateway)
    request = await _with_default_fallbacks(request, gateway)
    given = request.external_reference or request.reserved
    for last in [False] * (NUMBERS_TRIED_MAX - 1) + [True]:
        number = given or gateway.external_references.next()
        try:
            executed = await _store_intent(request, number, provider, context, gateway)
        except ExternalReferenceInUse:
            if given is not None or last:
                raise
        else:
            return await open_checkout(executed, provider, context, gateway)
    raise AssertionError("unreachable")


async def check_payment(
    request: PaymentRequest, number: ExternalReferenceNumberVO, gateway: Gateway
) -> None:
    """Refuse what ``initiate_payment`` would refuse before it stores anything."""
    provider = await _checked_provider(request, gateway)
    _checked_commands(request, number, provider, gateway)


async def store_payment(
    request: PaymentRequest,
    number: ExternalReferenceNumberVO,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Store the intent alone; no provider hears of it until ``open_checkout`` is called with it.

    Raises:
        ExternalReferenceInUse: The number names another payment.
        EventStoreUnavailable: No answer; the same may be stored again.
    """
    command = await _sealed(_command(request, number, gateway), request, context, gateway)
    fresh: Loaded[Any] = Loaded(state=None, revision=None, position=0)
    return await gateway.payments.execute(command.payment_id, command, context=context, after=fresh)


async def _checked_provider(request: PaymentRequest, gateway: Gateway) -> Provider:
    await _check(request, gateway)
    provider_type, tenant_id = request.provider.value, request.tenant_id.value
    await gateway.providers.check(provider_type, request.details.amount, tenant_id=tenant_id)
    return await gateway.credentials.open(provider_type, tenant_id=tenant_id)


async def _with_default_fallbacks(request: PaymentRequest, gateway: Gateway) -> PaymentRequest:
    if request.fallback_providers:
        return request
    used = await gateway.providers.find(request.provider.value, tenant_id=request.tenant_id.value)
    fallbacks = tuple(ProviderTypeVO(one) for one in used.fallback_providers)
    return replace(request, default_fallbacks=fallbacks)


async def _check(request: PaymentRequest, gateway: Gateway) -> None:
    tenant = await gateway.tenants.find(request.tenant_id.value)
    if not 1 <= len(request.order_id) <= ORDER_ID_LENGTH_MAX or not request.order_id.isprintable():
        raise InvalidValue(
            f"an order id has 1 to {ORDER_ID_LENGTH_MAX} characters", param="orderId"
        )
    if len(request.fallback_providers) > FALLBACK_PROVIDERS_MAX:
        raise InvalidValue(
            f"at most {FALLBACK_PROVIDERS_MAX} fallback providers", param="fallbackProviders"
        )
    for provider in (request.provider, *request.fallback_providers):
        gateway.provider_factory.capabilities(provider.value)
    amount = request.details.amount
    if Decimal(amount.decimal) > gateway.amount_max:
        raise InvalidAmountError(f"an amount is at most {gateway.amount_max:f} {amount.currency}")
    if len(_canonical(request.custom_params)) > CUSTOM_PARAMS_BYTES_MAX:
        raise InvalidValue(
            f"customParams has at most {CUSTOM_PARAMS_BYTES_MAX} bytes", param="customParams"
        )
    check_return_url(request.return_url, tenant, param="returnUrl")
    check_return_url(request.cancel_url, tenant, param="cancelUrl")


async def _store_intent(
    request: PaymentRequest,
    number: ExternalReferenceNumberVO,
    provider: Provider,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    command, attempt = _checked_commands(request, number, provider, gateway)
    command = await _sealed(command, request, context, gateway)
    version = await credential_version(
        request.provider.value, tenant_id=request.tenant_id.value, gateway=gateway
    )
    attempt = replace(attempt, credential_version=version)
    commands = (command,) if provider.capabilities.prepares else (command, attempt)
    fresh: Loaded[Any] = Loaded(state=None, revision=None, position=0)
    return await gateway.payments.execute(
        command.payment_id, *commands, context=context, after=fresh
    )


def _checked_commands(
    request: PaymentRequest,
    number: ExternalReferenceNumberVO,
    provider: Provider,
    gateway: Gateway,
) -> tuple[InitiatePayment, StartProviderAttempt]:
    """Return what stores the intent and begins its first attempt; the provider's own rules allow it."""
    command = _command(request, number, gateway)
    prospect = fold(decide(command, None))
    assert prospect is not None, "initiating an unknown payment makes it"
    attempt = start_attempt(prospect, provider=prospect.provider, handle=None)
    provider.check(checkout_request(foreseen(prospect, attempt), gateway))
    return command, attempt


def _command(
    request: PaymentRequest, number: ExternalReferenceNumberVO, gateway: Gateway
) -> InitiatePayment:
    payment_id = PaymentIdVO.of(number)
    asked = asdict(request)
    del asked["default_fallbacks"], asked["reserved"]
    return InitiatePayment(
        payment_id=payment_id,
        tenant_id=request.tenant_id,
        external_reference=number,
        order_id=request.order_id,
        details=request.details,
        provider=request.provider,
        fallback_providers=request.fallback_providers or request.default_fallbacks,
        allow_pending=request.allow_pending,
        return_url=request.return_url,
        cancel_url=request.cancel_url,
        subject_id=_subject_id(request, payment_id, gateway),
        personal=None,
        fingerprint=gateway.fingerprint(_canonical(asked)),
    )


async def _sealed(
    command: InitiatePayment, request: PaymentRequest, context: CommandContext, gateway: Gateway
) -> InitiatePayment:
    if command.subject_id is None:
        return command
    personal = {"customer": request.customer, "customParams": request.custom_params}
    data, whose = gateway.personal_data, command.subject_id
    try:
        text = await data.seal(personal, subject_id=whose, context=context)
    except SubjectForgotten:
        # Sent again, the command changes nothing: nothing is sealed anew of who was forgotten since.
        if await _is_known(command.payment_id, gateway):
            return command
        anew = await data.seal_as_of_now(personal, subject_id=whose, context=context)
        return replace(command, personal=anew.text, subject_id=anew.subject_id)
    return replace(command, personal=text)


async def _is_known(payment_id: PaymentIdVO, gateway: Gateway) -> bool:
    try:
        await gateway.payments.find_of_any_tenant(payment_id)
    except PaymentNotFound:
        return False
    return True


def _subject_id(request: PaymentRequest, payment_id: PaymentIdVO, gateway: Gateway) -> str | None:
    if request.customer is not None:
        reference = str(request.customer["reference"])
        return customer_subject_id(reference, request.tenant_id.value, gateway.fingerprint)
    return payment_id.value if request.custom_params is not None else None


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal | PaymentAmountVO):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no part of a request")

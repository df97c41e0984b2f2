"""The shapes that travel: camelCase, exact amounts, nothing unknown accepted."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from payment_gateway.application.commands.initiate_payment import (
    FALLBACK_PROVIDERS_MAX,
    ORDER_ID_LENGTH_MAX,
)
from payment_gateway.application.services.tenant_service import NAME_LENGTH_MAX, RETURN_URLS_MAX
from payment_gateway.domain.value_objects.payment_details import (
    DESCRIPTION_LENGTH_MAX,
    LINES_MAX,
    QUANTITY_MAX,
    URL_LENGTH_MAX,
)
from payment_gateway.presentation.rest.limits import (
    ACT_REASON_LENGTH_MAX,
    CUSTOMER_REFERENCE_LENGTH_MAX,
    EMAIL_LENGTH_MAX,
    EXTERNAL_REFERENCE_LENGTH_MAX,
    ID_LENGTH_MAX,
    PERSON_NAME_LENGTH_MAX,
    PHONE_LENGTH_MAX,
    PROVIDER_TYPE_LENGTH_MAX,
    REFUND_ID_LENGTH_MAX,
    REFUND_REASON_LENGTH_MAX,
    TENANT_ID_LENGTH_MAX,
)

# What Python reads as a number and nobody else does is none: "1_000", other scripts' digits.
_DECIMAL_TEXT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def _exact(value: object) -> Decimal | str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("an amount is a JSON number or a decimal string")  # noqa: TRY004 - pydantic's way to refuse
    if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value) is None:
        raise ValueError("an amount is a decimal such as 19.99")
    return Decimal(value) if isinstance(value, int) else value


# A number or a decimal text; which currency it is of, and so how many digits it may have, is the domain's to say.
Amount = Annotated[
    Decimal | str,
    PlainValidator(_exact),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,4})?$"},
            ],
            "examples": ["19.99"],
        }
    ),
]


def _given_back(value: Any) -> Any:
    """Return a part of ``customParams`` with numbers that JSON gives back as they came."""
    match value:
        case dict():
            return {name: _given_back(part) for name, part in value.items()}
        case list():
            return [_given_back(part) for part in value]
        case Decimal() if Decimal(repr(float(value))) != value:
            raise ValueError("a number has more digits than a JSON number keeps; send it as a text")
        case Decimal():
            return float(value)
        case _:
            return value


CustomParams = Annotated[
    dict[str, Any],
    AfterValidator(_given_back),
    Field(description="Given back untouched; 4 KiB at most.", examples=[{"seat": "12B"}]),
]
DecimalText = Annotated[str, Field(examples=["19.99"])]
TenantId = Annotated[str, Field(examples=["demo"], min_length=1, max_length=TENANT_ID_LENGTH_MAX)]
ProviderType = Annotated[
    str, Field(examples=["PAYPAL"], min_length=1, max_length=PROVIDER_TYPE_LENGTH_MAX)
]
PaymentId = Annotated[
    str,
    Field(
        examples=["6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5"], min_length=1, max_length=ID_LENGTH_MAX
    ),
]


OrderId = Annotated[
    str, Field(min_length=1, max_length=ORDER_ID_LENGTH_MAX, examples=["order-1001"])
]
Reference = Annotated[
    str, Field(min_length=1, max_length=CUSTOMER_REFERENCE_LENGTH_MAX, examples=["customer-17"])
]


class Body(BaseModel):
    """A request: nothing unknown, nothing converted."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
    )


class Answer(BaseModel):
    """A response."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Detail(Body):
    """One line of what is being paid for."""

    quantity: Annotated[int, Field(ge=1, le=QUANTITY_MAX, examples=[2])]
    description: Annotated[
        str, Field(min_length=1, max_length=DESCRIPTION_LENGTH_MAX, examples=["Coffee, 500 g"])
    ]
    price: Amount
    url_product: Annotated[str, Field(max_length=URL_LENGTH_MAX)] | None = None


Details = Annotated[list[Detail], Field(min_length=1, max_length=LINES_MAX)]


class Customer(Body):
    """Whoever pays; kept encrypted under a key of its own."""

    reference: Reference
    name: Annotated[str, Field(max_length=PERSON_NAME_LENGTH_MAX)] | None = None
    email: Annotated[str, Field(max_length=EMAIL_LENGTH_MAX)] | None = None
    phone: Annotated[str, Field(max_length=PHONE_LENGTH_MAX)] | None = None


class InitiateBody(Body):
    """What an order service asks for."""

    tenant_id: TenantId
    provider_type: ProviderType
    amount: Amount
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]
    order_id: OrderId
    details: Details | None = None
    custom_params: CustomParams | None = None
    allow_pending_payments: StrictBool = False
    external_reference_number: (
        Annotated[
            str,
            Field(max_length=EXTERNAL_REFERENCE_LENGTH_MAX, examples=["ERN-20260101000000000001"]),
        ]
        | None
    ) = None
    fallback_providers: Annotated[list[ProviderType], Field(max_length=FALLBACK_PROVIDERS_MAX)] = []
    return_url: Annotated[str, Field(max_length=URL_LENGTH_MAX)] | None = None
    cancel_url: Annotated[str, Field(max_length=URL_LENGTH_MAX)] | None = None
    customer: Customer | None = None


class InitiateAnswer(Answer):
    """The payment, and where the payer pays."""

    payment_id: PaymentId
    external_reference_number: str
    status: str
    provider_type: ProviderType
    checkout_url: str | None
    amount: DecimalText
    currency: str
    expires_at: datetime | None


class CompleteBody(Body):
    """Which payment to complete."""

    tenant_id: TenantId
    provider_type: ProviderType
    payment_id: PaymentId


class CompleteAnswer(Answer):
    """The payment with its money, or as far as that is known."""

    payment_id: PaymentId
    status: str
    provider_reference: str | None
    amount: DecimalText
    currency: str


class RefundBody(Body):
    """What to give back; all that is left where no amount is given."""

    tenant_id: TenantId
    payment_id: PaymentId
    amount: Amount | None = None
    reason: (
        Annotated[str, Field(max_length=REFUND_REASON_LENGTH_MAX, examples=["returned goods"])]
        | None
    ) = None
    refund_id: (
        Annotated[str, Field(max_length=REFUND_ID_LENGTH_MAX, examples=["refund-1"])] | None
    ) = None


class RefundAnswer(Answer):
    """The refund, and how much was given back in all."""

    payment_id: PaymentId
    refund_id: str
    status: str
    amount: DecimalText
    refunded_total: DecimalText
    currency: str


class CancelBody(Body):
    """Which payment to call off."""

    tenant_id: TenantId
    payment_id: PaymentId
    reason: Annotated[str, Field(max_length=REFUND_REASON_LENGTH_MAX)] | None = None


class CancelAnswer(Answer):
    """The payment, called off."""

    payment_id: PaymentId
    status: str


ReasonText = Annotated[
    str | None, Field(min_length=1, max_length=ACT_REASON_LENGTH_MAX, examples=["contract 2026-17"])
]


class ReasonBody(Body):
    """An administrative act, and why it is done: kept with it, for the audit."""

    reason: ReasonText = None


class ForgetSubjectBody(ReasonBody):
    """Whom a tenant forgets, by the customer's reference, or by a payment that names no customer."""

    tenant_id: TenantId
    reference: Reference


class ForgottenAnswer(Answer):
    """That a person is forgotten; of whom is not repeated."""

    tenant_id: TenantId
    forgotten_at: datetime


class CredentialsBody(ReasonBody):
    """An account at a provider; the fields are the provider's own."""

    tenant_id: TenantId
    provider_type: ProviderType
    credentials: Annotated[
        dict[str, Any],
        Field(
            examples=[
                {
                    "clientId": "client-id",
                    "clientSecret": "client-secret",
                    "webhookId": "webhook-id",
                    "sandbox": True,
                }
            ]
        ),
    ]


class CredentialsAnswer(Answer):
    """What was stored; never a secret."""

    tenant_id: TenantId
    provider_type: ProviderType
    version: int
    fingerprint: str
    sandbox: bool


TenantName = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX, examples=["Demo shop"])]
ReturnUrls = Annotated[
    list[Annotated[str, Field(max_length=URL_LENGTH_MAX)]],
    Field(max_length=RETURN_URLS_MAX, examples=[["https://shop.example"]]),
]


class TenantBody(ReasonBody):
    """A new tenant, and the origins its payers may be sent back to."""

    tenant_id: TenantId
    name: TenantName | None = None
    return_urls: ReturnUrls = []


class ChangeTenantBody(ReasonBody):
    """What is to be different about a tenant; what is left out stays as it is."""

    name: TenantName | None = None
    return_urls: ReturnUrls | None = None
    status: Literal["ACTIVE", "SUSPENDED"] | None = None


class TenantAnswer(Answer):
    """A tenant."""

    tenant_id: TenantId
    name: str | None
    return_urls: list[str]
    status: Literal["ACTIVE", "SUSPENDED", "DELETED"]


class TenantPage(Answer):
    """Tenants by id."""

    data: list[TenantAnswer]
    next_cursor: str | None


class Readiness(Answer):
    """Whether each dependency answers, and how far the queries are behind the log, in seconds."""

    status: Literal["ok", "unavailable", "draining"]
    checks: Annotated[
        dict[str, Literal["ok", "unavailable"]],
        Field(examples=[{"eventstore": "ok", "mongodb": "ok", "projections": "ok"}]),
    ]
    lag_seconds: Annotated[float, Field(examples=[0.2])] | None


class Problem(Answer):
    """Problem details, RFC 9457."""

    type: Annotated[str, Field(examples=["/docs/errors#payment_not_found"])]
    title: str
    status: int
    detail: str
    instance: str
    code: Annotated[str, Field(examples=["payment_not_found"])]
    retryable: bool
    request_id: str
    param: str | None = None

"""The mutations, exactly as the contract has them.

Annotations are evaluated here, not postponed: they are the schema.
"""

from typing import Any

import strawberry
from graphql import GraphQLError

from payment_gateway.presentation.graphql.context import Context, in_doubt
from payment_gateway.presentation.graphql.exact_numbers import decimal_text, with_floats
from payment_gateway.presentation.rest.json_body import NotJson, read_json

Info = strawberry.Info[Context, None]


@strawberry.input(description="One line of what is paid for.")
class PaymentDetailInput:
    """One line of what is paid for."""

    quantity: int
    description: str
    price: float
    url_product: str | None = strawberry.UNSET


@strawberry.type
class Mutation:
    """What may be asked for by GraphQL; each does what the REST command of that name does."""

    @strawberry.mutation(description="Take a payment on; answers the checkout URL.")
    async def initiate_payment(  # noqa: PLR0917 - the contract's signature
        self,
        info: Info,
        tenant_id: str,
        provider_type: str,
        amount: float,
        currency: str,
        order_id: str,
        details: list[PaymentDetailInput] | None = strawberry.UNSET,
        custom_params: str | None = strawberry.UNSET,
        allow_pending_payments: bool | None = strawberry.UNSET,
        external_reference_number: str | None = strawberry.UNSET,
    ) -> str:
        """Take an order's payment on and return where its payer pays."""
        body = {
            "tenantId": tenant_id,
            "providerType": provider_type,
            "amount": decimal_text(amount),
            "currency": currency,
            "orderId": order_id,
            "details": [_line(one) for one in details] if details else details,
            "customParams": _object(custom_params, "customParams"),
            "allowPendingPayments": allow_pending_payments,
            "externalReferenceNumber": external_reference_number,
        }
        done = await info.context.command("/payments/initiate", body)
        url: str | None = done.body["checkoutUrl"]
        if url is None:
            raise in_doubt(done.body["paymentId"])
        return url

    @strawberry.mutation(description="Take the money of an approved payment; answers its status.")
    async def complete_payment(
        self, info: Info, tenant_id: str, provider_type: str, payment_id: str
    ) -> str:
        """Take the money of a payment that its payer has approved."""
        body = {"tenantId": tenant_id, "providerType": provider_type, "paymentId": payment_id}
        done = await info.context.command("/payments/complete", body)
        status: str = done.body["status"]
        if status not in {"COMPLETED", "PENDING"}:
            raise in_doubt(payment_id)
        return status

    @strawberry.mutation(description="Store a tenant's account at a provider, sealed.")
    async def save_or_update_provider_keys(
        self, info: Info, tenant_id: str, provider_type: str, credentials: str
    ) -> bool:
        """Store credentials; the same set again is the same version."""
        body = {
            "tenantId": tenant_id,
            "providerType": provider_type,
            "credentials": _object(credentials, "credentials"),
        }
        await info.context.command("/providers/credentials", body)
        return True


def _line(one: PaymentDetailInput) -> dict[str, Any]:
    line = {
        "quantity": one.quantity,
        "description": one.description,
        "price": decimal_text(one.price),
    }
    return {**line, "urlProduct": one.url_product} if one.url_product else line


def _object(text: str | None, param: str) -> dict[str, Any] | None:
    """Return the JSON object that a text holds; the text itself is not repeated, it may be a secret."""
    if text is None or text is strawberry.UNSET:
        return None
    try:
        found = with_floats(read_json(text.encode()))
    except NotJson:
        found = None
    if not isinstance(found, dict):
        raise GraphQLError(
            f"{param} is a JSON object, as text",
            extensions={"code": "invalid_value", "retryable": False, "param": param},
        )
    return found

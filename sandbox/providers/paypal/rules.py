"""What PayPal's documents leave open or change over time, as numbers that a run can set."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

Seconds = Annotated[int, msgspec.Meta(ge=1)]


class PayPalRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules a simulator plays by; the defaults are the most widely reported values."""

    token_life_s: Seconds = 32_400
    order_validity_s: Seconds = 6 * 3600
    """From creation to capture. OpenAPI 2.13 of Orders v2 says 3 hours, newer material 6."""
    order_request_ids_kept_s: Seconds = 6 * 3600
    payment_request_ids_kept_s: Seconds = 45 * 24 * 3600
    request_bodies_compared: bool = False
    """Whether a request id that comes back with another body is refused."""
    reused_request_id: Literal["DUPLICATE_REQUEST_ID", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"] = (
        "DUPLICATE_REQUEST_ID"
    )
    status_created_with_source: Literal[200, 201] = 201
    """What a new order that names its ``payment_source`` is answered with; guides differ."""
    refund_period_s: Seconds = 180 * 24 * 3600
    refunds_max: Annotated[int, msgspec.Meta(ge=1)] = 100
    webhook_attempts_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 25
    """PayPal tries 25 times over three days; here the days are minutes."""
    webhook_retry_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    """The wait after the first attempt; each further one is twice as long, up to a minute."""
    fee_percent: Decimal = Decimal("3.49")
    fee_fixed: Decimal = Decimal("0.49")

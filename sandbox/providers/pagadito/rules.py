"""What Pagadito's documents leave open, as values that a run can set."""

from typing import Annotated, Literal

import msgspec

Seconds = Annotated[int, msgspec.Meta(ge=1)]


class PagaditoRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules a simulator plays by; the defaults are the most widely reported values."""

    payment_window_s: Seconds = 600
    extended_window_s: Seconds = 24 * 3600
    """The window of a charge registered with ``extended_expiration``."""
    expiry_lag_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How long after the window ``get_status`` still says REGISTERED."""
    connect_token_life_s: Seconds = 600
    utc_offset_h: Annotated[int, msgspec.Meta(ge=-12, le=14)] = -6
    """Times carry no offset; El Salvador's is UTC-6."""
    ern_length_max: Annotated[int, msgspec.Meta(ge=1)] = 100
    failed_can_be_paid_again: bool = False
    checkout_url_encoded: bool = False
    """Whether the checkout URL arrives percent-encoded; Pagadito's PHP library decodes it."""
    status_shows_amount: bool = False
    """Whether ``get_status`` also tells amount and currency, which some clients read."""
    held_without_pending: Literal["FAILED", "VERIFYING"] = "FAILED"
    """What a charge that is held becomes where pending payments are not allowed."""
    webhook_attempts_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 25
    webhook_retry_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    """The wait after the first attempt; each further one is twice as long, up to a minute."""
    webhook_algorithm: str = "sha256WithRSAEncryption"
    """What the header PAGADITO-AUTH-ALGO says; Pagadito's own example gives it to OpenSSL."""
    rest_refusal_status: Literal[200, 401] = 401
    """HTTP status of Connect REST for credentials it does not know."""

"""From what went wrong to status and code: every refusal that REST and GraphQL can answer, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from payment_gateway.application.ports import (
    EventStoreUnavailable,
    Excess,
    KeySourceUnavailable,
    QueueUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.webhooks import (
    NotANotification,
    SignatureRefused,
    VerificationUnavailable,
)
from payment_gateway.domain import errors as domain
from payment_gateway.presentation.rest.json_body import NotJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How one kind of refusal is answered.

    Attributes:
        detail: What the caller is told; the exception's own words where it is ``None``.
    """

    status: int
    code: str
    retryable: bool = False
    detail: str | None = None


DOMAIN_STATUS: Final[Mapping[type[domain.DomainError], int]] = {
    domain.InvalidValue: 422,
    domain.InvalidAmountError: 422,
    domain.DetailsDoNotAddUp: 422,
    domain.PartsDoNotAddUp: 422,
    domain.UnsupportedProviderError: 422,
    domain.ProviderNotConfigured: 422,
    domain.CredentialRevoked: 422,
    domain.ProviderDisabled: 422,
    domain.TenantNotFound: 404,
    domain.TenantExists: 409,
    domain.TenantSuspended: 403,
    domain.TenantDeleted: 403,
    domain.ApiKeyNotFound: 404,
    domain.ApiKeyEnded: 409,
    domain.ApiKeyFixed: 409,
    domain.ReturnUrlNotAllowed: 422,
    domain.WebhookEndpointNotFound: 404,
    domain.WebhookEndpointLimit: 409,
    domain.WebhookDeliveryNotFound: 404,
    domain.PaymentNotFound: 404,
    domain.SubjectNotFound: 404,
    domain.SplitNotFound: 404,
    domain.SplitNotRefundable: 422,
    domain.ExternalReferenceInUse: 409,
    domain.PaymentStateConflict: 409,
    domain.PaymentNotApproved: 409,
    domain.PaymentDeclined: 409,
    domain.PaymentCancelled: 409,
    domain.PaymentStillPayable: 409,
    domain.PaymentExpired: 409,
    domain.PaymentFailedError: 409,
    domain.RefundExceedsCaptured: 409,
    domain.RefundIdInUse: 409,
    domain.RefundFailed: 409,
    domain.RefundNotSupported: 422,
    domain.ExchangeRateNotSupported: 422,
    domain.ProviderUnavailableError: 503,
    domain.IdempotencyKeyReused: 422,
    domain.IdempotencyKeyInUse: 409,
    domain.NotYet: 503,
    domain.PreconditionFailed: 412,
}

OTHER: Final[Mapping[type[Exception], Refusal]] = {
    NotJson: Refusal(status=400, code="not_json"),
    NotANotification: Refusal(
        status=400,
        code="not_a_notification",
        detail="the body is no notification of this provider",
    ),
    SignatureRefused: Refusal(
        status=401,
        code="signature_refused",
        detail="the provider did not sign this notification for this account",
    ),
    VerificationUnavailable: Refusal(
        status=503,
        code="verification_unavailable",
        retryable=True,
        detail="whether the provider signed this cannot be checked now; send the same again later",
    ),
    StreamMoved: Refusal(
        status=409,
        code="conflict",
        retryable=True,
        detail="others kept changing the same thing; send the same again",
    ),
    EventStoreUnavailable: Refusal(
        status=503,
        code="event_store_unavailable",
        retryable=True,
        detail="the event store gives no answer; send the same again later",
    ),
    KeySourceUnavailable: Refusal(
        status=503,
        code="keys_unavailable",
        retryable=True,
        detail="the token that has this installation's keys gives no answer; send the same again later",
    ),
    QueueUnavailable: Refusal(
        status=503,
        code="queue_unavailable",
        retryable=True,
        detail="where work and lists are kept gives no answer; send the same again later",
    ),
    SealBroken: Refusal(
        status=503,
        code="secrets_unreadable",
        detail="stored secrets do not open with this installation's key; tell its operator",
    ),
}

# The read side's own refusals; the composition root knows which of its exceptions is which.
TOO_MANY_STREAMS: Final = Refusal(
    status=429,
    code="too_many_streams",
    retryable=True,
    detail="so many streams of events are open already; close one, or ask again later",
)
READ_MODELS_UNAVAILABLE: Final = Refusal(
    status=503,
    code="read_models_unavailable",
    retryable=True,
    detail="the read models give no answer; ask again later",
)
READ_MODEL_NOT_FOUND: Final = Refusal(
    status=404,
    code="read_model_not_found",
    detail="there is no read model of that name; GET /api/v1/projections lists them",
)
READ_MODEL_STATE_CONFLICT: Final = Refusal(
    status=409,
    code="read_model_state_conflict",
    detail="the read model is not in a state that allows this; look at GET /api/v1/projections",
)
DEAD_LETTER_NOT_FOUND: Final = Refusal(
    status=404,
    code="dead_letter_not_found",
    detail="nothing is parked under that id; GET /api/v1/deadletters lists what is",
)
DEAD_LETTER_NOT_REPLAYED: Final = Refusal(status=409, code="dead_letter_not_replayed")
NEEDS_ALL_TENANTS: Final = Refusal(
    status=403,
    code="needs_all_tenants",
    detail="what this shows may be of any tenant: it takes a key of all tenants",
)
EVENT_STORE_REFUSED: Final = Refusal(
    status=503,
    code="event_store_refused",
    detail="the event store does not accept this; tell the gateway's operator",
)
EVENT_NOT_READABLE: Final = Refusal(
    status=503,
    code="event_not_readable",
    detail="this release cannot read an event of this payment; tell the gateway's operator",
)

# What is refused to whoever cannot be told from others, or tried too often.
TOO_MANY_FAILURES: Final = Refusal(
    status=429,
    code="too_many_failures",
    retryable=True,
    detail="too many failed attempts; come back later with a valid key",
)
ISSUER_UNAVAILABLE: Final = Refusal(
    status=503,
    code="issuer_unavailable",
    retryable=True,
    detail="the issuer of the token gives no answer; send the same again later",
)

# What is refused before a route is reached.
HTTP: Final[Mapping[int, Refusal]] = {
    status: Refusal(status=status, code=code, detail=detail)
    for status, code, detail in (
        (400, "bad_request", "the request cannot be understood"),
        (401, "unauthorized", "send a valid key as: Authorization: Bearer KEY"),
        (403, "forbidden", "the key may not do this, or does not speak for this tenant"),
        (404, "not_found", "there is nothing at this address"),
        (405, "method_not_allowed", "the address does not know this method"),
        (413, "body_too_large", "the body is larger than the limit"),
    )
}
# What is more than a caller may send, by what there is too much of.
LIMITED: Final[Mapping[Excess, Refusal]] = {
    "rate": Refusal(
        status=429,
        code="rate_limited",
        retryable=True,
        detail="more requests than this key or its tenant may send; wait as long as Retry-After says",
    ),
    "at_once": Refusal(
        status=429,
        code="too_many_at_once",
        retryable=True,
        detail="too many requests of this key or its tenant are under way; wait for answers first",
    ),
}
# What GraphQL alone refuses; it answers 200 and tells of it among the errors.
INVALID_QUERY: Final = Refusal(
    status=200,
    code="invalid_query",
    detail="GraphQL only: the query's syntax, names or types are wrong, or it is too deep or too long",
)
QUERY_TOO_COSTLY: Final = Refusal(
    status=200,
    code="query_too_costly",
    detail="GraphQL only: the operation asks for more things at its root than it may",
)
OUTCOME_UNKNOWN: Final = Refusal(
    status=200,
    code="outcome_unknown",
    detail="GraphQL only: the provider's answer is not known yet, which REST tells by 202; ask for the payment",
)
INTERNAL: Final = Refusal(
    status=500,
    code="internal_error",
    retryable=True,
    detail="this should not have happened; the request id leads to its trace in the logs",
)

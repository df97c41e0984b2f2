"""Examples of what travels: one for each body, made of the examples of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

# Read as one story: a payment of 19.99 USD that is paid, and partly given back.
_ID: Final = "0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f"
_PAYMENT_ID: Final = "6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5"
_TIME: Final = "2026-02-03T04:05:06Z"
_DAY: Final = "2026-02-03"
_REFERENCE: Final = "ERN-20260203040506001"
_CHECKOUT_URL: Final = "https://www.paypal.com/checkoutnow?token=5O190127TN364715T"
_HOOK_URL: Final = "https://shop.example/hooks"

_LETTER: Final = {
    "id": f"payment_details.payment-{_PAYMENT_ID}",
    "kind": "projection",
    "type": "PaymentCompleted",
    "cause": "KeyError",
}

# Bodies whose fields have to fit each other.
BODIES: Final[Mapping[str, Any]] = {
    "InitiateBody": {
        "tenantId": "demo",
        "providerType": "PAYPAL",
        "amount": "19.98",
        "currency": "USD",
        "orderId": "order-1001",
        "details": [{"quantity": 2, "description": "Coffee, 500 g", "price": "9.99"}],
        "customParams": {"seat": "12B"},
        "customer": {"reference": "customer-17", "email": "payer@shop.example"},
    },
    "SplitBody": {
        "tenantId": "demo",
        "orderId": "order-1001",
        "currency": "USD",
        "amount": "19.99",
        "parts": [
            {"providerType": "PAYPAL", "amount": "12.00"},
            {"providerType": "PAGADITO", "amount": "7.99"},
        ],
    },
    "LetterAnswer": _LETTER,
    "DocumentsAnswer": {**_LETTER, "documents": {}},
    "ReplayAnswer": {
        "id": _LETTER["id"],
        "dryRun": True,
        "events": 1,
        "changes": [
            {
                "document": _PAYMENT_ID,
                "field": "status",
                "before": "PROCESSING",
                "after": "COMPLETED",
            }
        ],
    },
    "DiscardAnswer": {"id": _LETTER["id"], "events": 1},
    "ResendBody": {
        "from": _TIME,
        "to": "2026-02-04T04:05:06Z",
        "types": ["PaymentCompleted"],
        "statuses": ["PARKED"],
    },
}

# By name, those of one body only by ``Body.name``.
FIELDS: Final[Mapping[str, Any]] = {
    "actor": "apikey:7f3a",
    "amount": "19.99",
    "answer": "busy",
    "ApiKeyAnswer.id": _ID,
    "ApiKeyAnswer.name": "Shop",
    "ApiKeyAnswer.status": "ACTIVE",
    "attempt": 1,
    "AttemptAnswer.failureReason": None,
    "AttemptAnswer.status": 503,
    "attempts": 1,
    "AuditEntry.paymentId": _PAYMENT_ID,
    "AuditEntry.reason": "returned goods",
    "averageS": 41.5,
    "calls": 240,
    "cancelled": 1,
    "cancelUrl": "https://shop.example/cancelled",
    "checkoutUrl": _CHECKOUT_URL,
    "CompleteAnswer.status": "COMPLETED",
    "completed": 15,
    "correlationId": _ID,
    "count": 15,
    "CancelAnswer.status": "CANCELLED",
    "CancelBody.reason": "ordered twice",
    "currencies": ["USD"],
    "currency": "USD",
    "day": _DAY,
    "DeliveryAnswer.id": _ID,
    "DeliveryDetailAnswer.id": _ID,
    "DeliveryDetailAnswer.request": {
        "url": _HOOK_URL,
        "headers": {"webhook-id": _ID},
        "body": {"type": "PaymentCompleted"},
    },
    "deliveryId": _ID,
    "disabledAt": None,
    "disabledReason": None,
    "durationMs": 84,
    "email": "payer@shop.example",
    "endpointId": _ID,
    "eventId": _ID,
    "eventType": "PaymentCompleted",
    "expired": 0,
    "externalReferenceNumber": _REFERENCE,
    "failed": 0,
    "failingSince": None,
    "failureReason": None,
    "failures": 0,
    "fallbackProviders": ["PAGADITO"],
    "fingerprint": "5f1c6b0a9d3e",
    "id": _ID,
    "initiated": 18,
    "InitiateAnswer.status": "AWAITING_PAYER",
    "IssuedApiKeyAnswer.key": "gw_test_EXAMPLE",
    "IssuedApiKeyAnswer.name": "Shop",
    "IssuedApiKeyAnswer.status": "ACTIVE",
    "LastFailureAnswer.reason": "timeout",
    "lateFacts": 0,
    "latencyMsAverage": 210,
    "latencyMsP50": 200,
    "latencyMsP95": 500,
    "lastFailure": None,
    "name": "Demo shop",
    "needsOperator": 0,
    "nextAttemptAt": None,
    "nextCursor": "eyJhIjoxfQ",
    "open": 1,
    "openUntil": None,
    "outcome": "RESOLVED_SELLER_FAVOUR",
    "overlapSeconds": 86400,
    "p50S": 60,
    "p95S": 300,
    "parkedReason": None,
    "partitions": 4,
    "paymentId": _PAYMENT_ID,
    "payments": 17,
    "phone": "+50370000000",
    "prefix": "gw_test_EXAM",
    "previousPrefix": None,
    "previousUntil": None,
    "providerReference": "3C679366HH908993F",
    "QuestionAnswer.reason": "the provider does not say what became of it",
    "rate": 500,
    "reason": "returned goods",
    "RefundAnswer.status": "COMPLETED",
    "refundedTotal": "5.00",
    "refundId": "refund-1",
    "resent": 12,
    "ResolveAnswer.captured": "19.99",
    "returnUrl": "https://shop.example/paid",
    "returnUrls": ["https://shop.example"],
    "revision": 3,
    "revokedAt": None,
    "roles": ["order-service", "viewer"],
    "sample": 1000,
    "SplitAnswer.status": "STARTED",
    "SplitPartAnswer.status": "AWAITING_PAYER",
    "status": "COMPLETED",
    "successes": 239,
    "successRate": 0.9958,
    "tenantId": "demo",
    "type": "PaymentCompleted",
    "types": ["PaymentCompleted"],
    "unknown": 0,
    "unknowns": 0,
    "url": _HOOK_URL,
    "urlProduct": "https://shop.example/coffee",
    "version": 1,
}

# Answers that are objects without a schema of their own, by the operation's id and the status.
_STEP: Final = {"readModel": "payment_details"}
_VERIFICATION: Final = {
    **_STEP,
    "state": "asked",
    "sample": 1000,
    "askedAt": _TIME,
    "doneAt": None,
    "report": None,
}
ANSWERS: Final[Mapping[str, Any]] = {
    "listProjections 200": {
        "data": [
            {
                "readModel": "payment_details",
                "state": "active",
                "version": 1,
                "position": 4711,
                "head": 4711,
                "lagEvents": 0,
                "lagSeconds": 0.0,
            }
        ],
        "nextCursor": None,
    },
    "showVerificationOfProjection 200": _VERIFICATION,
    "verifyProjection 202": _VERIFICATION,
    "rebuildProjection 202": {**_STEP, "generation": 2, "partitions": 4},
    "cancelRebuildOfProjection 200": {**_STEP, "cancelled": 2},
    "rollBackProjection 200": {**_STEP, "active": 1, "previous": 2},
    "pauseProjection 200": {**_STEP, "rebuild": False, "paused": True},
    "resumeProjection 200": {**_STEP, "rebuild": False, "paused": False},
    "checkLiveness 200": {"status": "ok"},
}
# Those that are no JSON, by their media type.
TEXTS: Final[Mapping[str, str]] = {
    "text/html": "<!doctype html><html lang=en>…</html>",
    "text/event-stream": f'id: eyJhIjoxfQ\nevent: PaymentCompleted\ndata: {{"id": "{_ID}"}}\n\n',
}


def example_of(schema: Schema, components: Schema, name: str = "") -> Any:
    """Return an example of what a schema describes, ``None`` where there is none to be had.

    Args:
        schema: JSON Schema, as an OpenAPI document has it.
        components: The document's schemas by name.
        name: What the schema is known by: a body's name, or ``Body.field``.
    """
    field = name.rpartition(".")[2]
    if "$ref" in schema:
        named = str(schema["$ref"]).rpartition("/")[2]
        # Two modules may have a schema of one name; which of them it is of makes no difference here.
        name = name if name in FIELDS else named.rpartition("__")[2]
        return example_of(components[named], components, name)
    for table, key in ((BODIES, name), (FIELDS, name)):
        if key in table:
            return table[key]
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    if "const" in schema:
        return schema["const"]
    if "properties" in schema:
        return {
            part: example_of(inner, components, f"{name}.{part}")
            for part, inner in schema["properties"].items()
        }
    if choices := schema.get("anyOf"):
        return example_of(choices[0], components, name)
    if "items" in schema and "$ref" in schema["items"]:
        return [example_of(schema["items"], components)]
    if schema.get("format") == "date-time" and field not in FIELDS:
        return _TIME
    if schema.get("type") == "boolean":
        return schema.get("default", True)
    return FIELDS.get(field, schema.get("default"))

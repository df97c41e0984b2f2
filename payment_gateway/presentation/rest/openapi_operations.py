"""What the description of the interface calls each operation, and what it says of each group of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# From an operation, as ``access_rules`` names it, to its id; the summary is the id in words.
OPERATION_IDS: Final[Mapping[str, str]] = {
    "POST /api/v1/payments/initiate": "initiatePayment",
    "POST /api/v1/payments/complete": "completePayment",
    "POST /api/v1/payments/refund": "refundPayment",
    "POST /api/v1/payments/cancel": "cancelPayment",
    "POST /api/v1/payments/split": "splitPayment",
    "GET /api/v1/payments/split/{splitId}": "showSplit",
    "GET /api/v1/payments": "listPayments",
    "GET /api/v1/payments/{paymentId}": "showPayment",
    "GET /api/v1/payments/{paymentId}/events": "listEventsOfPayment",
    "GET /api/v1/payments/{paymentId}/audit": "listAuditEntriesOfPayment",
    "GET /api/v1/orders/{orderId:path}/payments": "listPaymentsOfOrder",
    "GET /api/v1/stats/daily": "showDailyStatistics",
    "GET /api/v1/events": "followEvents",
    "GET /api/v1/audit": "listAuditEntries",
    "GET /api/v1/providers/health": "showHealthOfProviders",
    "GET /api/v1/providers/status": "showStatusOfProviders",
    "POST /api/v1/providers/credentials": "storeProviderCredentials",
    "POST /api/v1/payments/{paymentId}/resolve": "resolvePayment",
    "GET /api/v1/deadletters": "listDeadLetters",
    "GET /api/v1/deadletters/{letterId}": "showDeadLetter",
    "POST /api/v1/deadletters/{letterId}/replay": "replayDeadLetter",
    "POST /api/v1/deadletters/{letterId}/discard": "discardDeadLetter",
    "GET /api/v1/projections": "listProjections",
    "GET /api/v1/projections/{name}/verification": "showVerificationOfProjection",
    "POST /api/v1/projections/{name}/verify": "verifyProjection",
    "POST /api/v1/projections/{name}/rebuild": "rebuildProjection",
    "POST /api/v1/projections/{name}/cancel": "cancelRebuildOfProjection",
    "POST /api/v1/projections/{name}/rollback": "rollBackProjection",
    "POST /api/v1/projections/{name}/pause": "pauseProjection",
    "POST /api/v1/projections/{name}/resume": "resumeProjection",
    "POST /api/v1/tenants": "createTenant",
    "GET /api/v1/tenants": "listTenants",
    "GET /api/v1/tenants/{tenant_id}": "showTenant",
    "PATCH /api/v1/tenants/{tenant_id}": "changeTenant",
    "DELETE /api/v1/tenants/{tenant_id}": "deleteTenant",
    "POST /api/v1/subjects/forget": "forgetSubject",
    "POST /api/v1/apikeys": "createApiKey",
    "GET /api/v1/apikeys": "listApiKeys",
    "DELETE /api/v1/apikeys/{id}": "revokeApiKey",
    "POST /api/v1/apikeys/{id}/rotate": "rotateApiKey",
    "POST /api/v1/webhook-endpoints": "createWebhookEndpoint",
    "GET /api/v1/webhook-endpoints": "listWebhookEndpoints",
    "GET /api/v1/webhook-endpoints/{endpoint_id}": "showWebhookEndpoint",
    "PATCH /api/v1/webhook-endpoints/{endpoint_id}": "changeWebhookEndpoint",
    "DELETE /api/v1/webhook-endpoints/{endpoint_id}": "deleteWebhookEndpoint",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/rotate": "rotateSecretOfWebhookEndpoint",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/test": "testWebhookEndpoint",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/resend": "resendWebhookDeliveries",
    "GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries": "listWebhookDeliveries",
    "GET /api/v1/webhook-deliveries/{delivery_id}": "showWebhookDelivery",
    "POST /api/v1/webhook-deliveries/{delivery_id}/resend": "resendWebhookDelivery",
    "POST /api/v1/webhooks/paypal": "takePaypalNotification",
    "POST /api/v1/webhooks/paypal/{tenant_id}": "takePaypalNotificationOfTenant",
    "POST /api/v1/webhooks/pagadito": "takePagaditoNotification",
    "POST /api/v1/webhooks/pagadito/{tenant_id}": "takePagaditoNotificationOfTenant",
    "GET /checkout/return/{provider}": "returnFromCheckout",
    "GET /checkout/cancel/{provider}": "cancelCheckout",
    "GET /docs/errors": "showErrorCodes",
    "GET /livez": "checkLiveness",
    "GET /readyz": "checkReadiness",
}

TAGS: Final[Mapping[str, str]] = {
    "payments": "Commands on payments: initiate, complete, refund, cancel, split.",
    "queries": "What was recorded of payments, orders, days, providers and acts.",
    "providers": "Accounts at providers, and how the providers fare.",
    "tenants": "Who uses this gateway.",
    "subjects": "The people whose data payments carry.",
    "api keys": "Who may call, and in which roles.",
    "webhook endpoints": "Where a tenant's events are sent.",
    "webhook deliveries": "What became of each event on its way there.",
    "projections": "The read models: where they are, verifying and rebuilding them.",
    "dead letters": "What could not be handled, and what is to become of it.",
    "webhooks": "Where providers send their notifications; signed by them, no key.",
    "checkout": "Where the payer's browser comes back from a provider; no key.",
    "errors": "The table of all error codes.",
    "probes": "Whether the process, and what it depends on, answers.",
}

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def summary_of(operation_id: str) -> str:
    """Return an operation's id in words, such as ``Show webhook endpoint``."""
    return _WORD.sub(" ", operation_id).lower().capitalize().replace(" api ", " API ")

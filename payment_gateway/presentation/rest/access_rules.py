"""Every operation there is, and who may call it: the one table.

A test compares it with the routes that the application really has, and with what each of them checks.
A new route needs a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Roles:
    """Callers with one of these roles, for their own tenant."""

    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody, on purpose; ``why`` says why that is safe."""

    why: str


@dataclass(frozen=True, slots=True)
class Asks:
    """Another door to what REST does: it asks REST with its visitor's key, and answers what that may see.

    Without a key it does nothing: it answers 401, or leads to a log-in.
    """


Rule = Roles | Public | Asks


def _roles(*roles: str) -> Roles:
    return Roles(frozenset(roles))


_ADMIN: Final = _roles("admin")
_ORDER_SERVICE: Final = _roles("order-service")
_VIEWER: Final = _roles("viewer")
_OPERATOR: Final = _roles("operator")
_SUBSCRIBER: Final = _roles("viewer", "auditor")
_SIGNED: Final = Public("the provider signs what it sends; nothing is stored that is not")
_PAYER: Final = Public("the payer's browser: what it brings proves nothing, the provider is asked")
_PROBE: Final = Public("says how the process and its dependencies do; no tenant, no payment")
_ISSUER: Final = Public(
    "leads to a configured issuer, and takes its answer in the browser that began"
)
_LOG_IN: Final = Public("asks for a key, and takes one that REST accepts")
_DOCUMENTATION: Final = Public("describes the interface, holds no data")

RULES: Final[Mapping[str, Rule]] = {
    "POST /api/v1/payments/initiate": _ORDER_SERVICE,
    "POST /api/v1/payments/complete": _ORDER_SERVICE,
    "POST /api/v1/payments/refund": _ORDER_SERVICE,
    "POST /api/v1/payments/cancel": _ORDER_SERVICE,
    "POST /api/v1/payments/{paymentId}/resolve": _OPERATOR,
    "POST /api/v1/payments/split": _ORDER_SERVICE,
    "GET /api/v1/payments/split/{splitId}": _roles("order-service", "viewer"),
    "GET /api/v1/payments": _VIEWER,
    "GET /api/v1/payments/{paymentId}": _VIEWER,
    "GET /api/v1/payments/{paymentId}/events": _SUBSCRIBER,
    "GET /api/v1/orders/{orderId:path}/payments": _VIEWER,
    "GET /api/v1/payments/{paymentId}/audit": _roles("operator", "auditor"),
    "GET /api/v1/stats/daily": _VIEWER,
    "GET /api/v1/events": _SUBSCRIBER,
    "GET /api/v1/audit": _roles("auditor"),
    "GET /api/v1/providers/health": _roles("viewer", "operator", "admin"),
    "GET /api/v1/projections": _OPERATOR,
    "GET /api/v1/projections/{name}/verification": _OPERATOR,
    "POST /api/v1/projections/{name}/verify": _OPERATOR,
    "POST /api/v1/projections/{name}/rebuild": _OPERATOR,
    "POST /api/v1/projections/{name}/cancel": _OPERATOR,
    "POST /api/v1/projections/{name}/rollback": _OPERATOR,
    "POST /api/v1/projections/{name}/pause": _OPERATOR,
    "POST /api/v1/projections/{name}/resume": _OPERATOR,
    "GET /api/v1/deadletters": _OPERATOR,
    "GET /api/v1/deadletters/{letterId}": _OPERATOR,
    "POST /api/v1/deadletters/{letterId}/replay": _OPERATOR,
    "POST /api/v1/deadletters/{letterId}/discard": _OPERATOR,
    "GET /api/v1/providers/status": _roles("viewer", "operator", "admin"),
    "POST /api/v1/providers/credentials": _ADMIN,
    "POST /api/v1/tenants": _ADMIN,
    "GET /api/v1/tenants": _roles("admin", "auditor"),
    "GET /api/v1/tenants/{tenant_id}": _roles("admin", "auditor"),
    "PATCH /api/v1/tenants/{tenant_id}": _ADMIN,
    "DELETE /api/v1/tenants/{tenant_id}": _ADMIN,
    "POST /api/v1/apikeys": _ADMIN,
    "GET /api/v1/apikeys": _roles("admin", "auditor"),
    "DELETE /api/v1/apikeys/{id}": _ADMIN,
    "POST /api/v1/apikeys/{id}/rotate": _ADMIN,
    "POST /api/v1/subjects/forget": _ADMIN,
    "POST /api/v1/webhook-endpoints": _ADMIN,
    "GET /api/v1/webhook-endpoints": _ADMIN,
    "GET /api/v1/webhook-endpoints/{endpoint_id}": _ADMIN,
    "PATCH /api/v1/webhook-endpoints/{endpoint_id}": _ADMIN,
    "DELETE /api/v1/webhook-endpoints/{endpoint_id}": _ADMIN,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/rotate": _ADMIN,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/test": _ADMIN,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/resend": _ADMIN,
    "GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries": _ADMIN,
    "GET /api/v1/webhook-deliveries/{delivery_id}": _ADMIN,
    "POST /api/v1/webhook-deliveries/{delivery_id}/resend": _ADMIN,
    "POST /api/v1/webhooks/paypal": _SIGNED,
    "POST /api/v1/webhooks/paypal/{tenant_id}": _SIGNED,
    "POST /api/v1/webhooks/pagadito": _SIGNED,
    "POST /api/v1/webhooks/pagadito/{tenant_id}": _SIGNED,
    "GET /checkout/return/{provider}": _PAYER,
    "GET /checkout/cancel/{provider}": _PAYER,
    "GET /livez": _PROBE,
    "GET /readyz": _PROBE,
    "GET /metrics": _PROBE,
    "GET /graphql": Asks(),
    "POST /graphql": Asks(),
    "WEBSOCKET /graphql": Asks(),
    "GET /dashboard": Asks(),
    "GET /dashboard/live": Asks(),
    "GET /dashboard/login": _LOG_IN,
    "POST /dashboard/login": _LOG_IN,
    "GET /dashboard/login/oidc": _ISSUER,
    "GET /dashboard/login/oidc/callback": _ISSUER,
    "POST /dashboard/logout": Asks(),
    "GET /dashboard/payments": Asks(),
    "GET /dashboard/payments/{payment_id}": Asks(),
    "POST /dashboard/payments/{payment_id}/complete": Asks(),
    "POST /dashboard/payments/{payment_id}/cancel": Asks(),
    "POST /dashboard/payments/{payment_id}/refund": Asks(),
    "POST /dashboard/payments/{payment_id}/resolve": Asks(),
    "GET /dashboard/providers": Asks(),
    "GET /dashboard/projections": Asks(),
    "POST /dashboard/projections/{name}/{step}": Asks(),
    "GET /dashboard/dead-letters": Asks(),
    "GET /dashboard/dead-letters/{letter_id}": Asks(),
    "POST /dashboard/dead-letters/{letter_id}/try": Asks(),
    "POST /dashboard/dead-letters/{letter_id}/replay": Asks(),
    "POST /dashboard/dead-letters/{letter_id}/discard": Asks(),
    "GET /dashboard/deliveries": Asks(),
    "GET /dashboard/deliveries/{delivery_id}": Asks(),
    "POST /dashboard/deliveries/{delivery_id}/resend": Asks(),
    "POST /dashboard/endpoints/{endpoint_id}/test": Asks(),
    "GET /dashboard/api-keys": Asks(),
    "POST /dashboard/api-keys": Asks(),
    "POST /dashboard/api-keys/{key_id}/rotate": Asks(),
    "POST /dashboard/api-keys/{key_id}/revoke": Asks(),
    "GET /dashboard/tenants": Asks(),
    "POST /dashboard/tenants": Asks(),
    "POST /dashboard/tenants/{tenant_id}/{step}": Asks(),
    "GET /dashboard/audit": Asks(),
    "GET /dashboard/static": Public("scripts and styles, no data"),
    "GET /docs": _DOCUMENTATION,
    "GET /docs/errors": _DOCUMENTATION,
    "GET /docs/oauth2-redirect": _DOCUMENTATION,
    "GET /openapi.json": _DOCUMENTATION,
}

"""What was told to a merchant, shown and told once more.

Source: PayPal OpenAPI ``notifications_webhooks_v1.json``.
"""

from starlette.responses import Response

from sandbox.providers.paypal.captures import unknown_resource
from sandbox.providers.paypal.simulation import Call, PayPalSimulation
from sandbox.providers.webhooks.model import Notification


def get_event(simulation: PayPalSimulation, call: Call) -> Response:
    """``GET /v1/notifications/webhooks-events/{id}``."""
    return _shown(_merchants_event(simulation, call), 200)


def resend_event(simulation: PayPalSimulation, call: Call) -> Response:
    """``POST /v1/notifications/webhooks-events/{id}/resend``: 202, the event is sent again."""
    notification = _merchants_event(simulation, call)
    simulation.outbox.send_again(notification)
    return _shown(notification, 202)


def _merchants_event(simulation: PayPalSimulation, call: Call) -> Notification:
    """Return the event that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown or another merchant's.
    """
    notification = simulation.outbox.find(call.resource_id)
    if notification is None or notification.merchant_id != call.merchant.client_id:
        raise unknown_resource("event_id", call.resource_id)
    return notification


def _shown(notification: Notification, status: int) -> Response:
    return Response(notification.body, status_code=status, media_type="application/json")

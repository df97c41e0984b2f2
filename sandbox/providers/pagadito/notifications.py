"""What Pagadito tells merchants: every status that a charge comes to.

Source: Pagadito's documentation of webhooks; the members of the body are those that public verifiers read.
"""

from sandbox.providers.bodies import json_text
from sandbox.providers.identifiers import hexadecimal
from sandbox.providers.pagadito.model import MERCHANT, Merchant, Transaction
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.webhooks.model import Notification

EVENT_TYPE = "TRANSACTION.STATUS.CHANGE"
_ID_LENGTH = 32


def status_changed(simulation: PagaditoSimulation, transaction: Transaction) -> bool:
    """Tell the merchant how a charge stands; say whether it has asked to be told."""
    merchant = simulation.store.get(MERCHANT, transaction.uid, Merchant)
    if merchant is None or merchant.webhook_url is None:
        return False
    event_id = hexadecimal(_ID_LENGTH)
    now = simulation.clock.now()
    notification = Notification(
        id=event_id,
        event_type=EVENT_TYPE,
        merchant_id=transaction.uid,
        payment_id=transaction.token,
        url=merchant.webhook_url,
        body=_body(simulation, transaction, event_id),
        created_at=now,
    )
    simulation.outbox.announce(notification, transaction.plan)
    return True


def _body(simulation: PagaditoSimulation, transaction: Transaction, event_id: str) -> str:
    """Return the body; amounts and quantities are strings."""
    items = [
        {
            "quantity": str(line.quantity),
            "description": line.description,
            "price": f"{line.price:.2f}",
            "url_product": line.url_product,
        }
        for line in transaction.details
    ]
    resource = {
        "token": transaction.token,
        "ern": transaction.ern,
        "create_timestamp": simulation.local_time(transaction.registered_at),
        "update_timestamp": simulation.local_time(transaction.updated_at),
        "amount": {"total": f"{transaction.amount:.2f}", "currency": transaction.currency},
        "description": ", ".join(line.description for line in transaction.details),
        "status": transaction.status,
        "reference": transaction.reference,
        "items_list": items,
    }
    if transaction.custom_params:
        resource["custom_params"] = transaction.custom_params
    return json_text(
        {
            "id": event_id,
            "event_create_timestamp": simulation.local_time(simulation.clock.now()),
            "event_type": EVENT_TYPE,
            "resource": resource,
        }
    )

"""Controls of the simulated PayPal: its merchants, its books, and the end of a review."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.control import LEDGER_ROWS_MAX, ledger_route
from sandbox.providers.paypal.model import (
    CAPTURE,
    MERCHANT,
    ORDER,
    REFUND,
    Capture,
    CaptureStatus,
    Merchant,
    Order,
    Refund,
)
from sandbox.providers.paypal.money import canonical
from sandbox.providers.paypal.oauth import secret_digest
from sandbox.providers.paypal.refunds import settle_capture
from sandbox.providers.paypal.simulation import PayPalSimulation
from sandbox.providers.store import Row

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class RegisterMerchant(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/merchants``: a REST application; the same ``clientId`` again changes it."""

    client_id: Annotated[str, msgspec.Meta(pattern="^[^:]{1,255}$")]
    client_secret: Name
    webhook_id: Name
    webhook_url: Name | None = None


class SettleCapture(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/captures/{id}/settle``: how PayPal's review of a pending capture ends."""

    status: Literal["COMPLETED", "DECLINED"]


def control_routes(simulation: PayPalSimulation) -> list[Route]:
    """The controls that only PayPal has."""
    store = simulation.store

    async def register(request: Request) -> Response:
        wanted = await read_json(request, RegisterMerchant)
        merchant = Merchant(
            client_id=wanted.client_id,
            secret_sha256=secret_digest(wanted.client_secret),
            webhook_id=wanted.webhook_id,
            webhook_url=wanted.webhook_url,
        )
        await store.transact(lambda: store.put(MERCHANT, merchant.client_id, merchant))
        return json_response(_merchant(merchant))

    async def list_merchants(_: Request) -> Response:
        rows = await store.transact(lambda: store.page([MERCHANT], after=0, limit=LEDGER_ROWS_MAX))
        merchants = [msgspec.json.decode(row.body, type=Merchant) for row in rows]
        return json_response({"merchants": [_merchant(merchant) for merchant in merchants]})

    async def settle(request: Request) -> Response:
        status = CaptureStatus((await read_json(request, SettleCapture)).status)
        capture_id = request.path_params["capture_id"]
        if not await store.transact(lambda: settle_capture(simulation, capture_id, status)):
            raise HTTPException(404, "no such capture is pending")
        return json_response({"id": capture_id, "status": status})

    return [
        Route("/_control/merchants", register, methods=["POST"]),
        Route("/_control/merchants", list_merchants, methods=["GET"]),
        Route("/_control/captures/{capture_id}/settle", settle, methods=["POST"]),
        ledger_route(
            store,
            {
                ORDER: ("orders", _order),
                CAPTURE: ("captures", _capture),
                REFUND: ("refunds", _refund),
            },
        ),
    ]


def _merchant(merchant: Merchant) -> dict[str, Any]:
    return {
        "clientId": merchant.client_id,
        "webhookId": merchant.webhook_id,
        "webhookUrl": merchant.webhook_url,
    }


def _order(row: Row) -> dict[str, Any]:
    order = msgspec.json.decode(row.body, type=Order)
    return {
        "id": order.id,
        "clientId": order.client_id,
        "status": order.status,
        "amount": canonical(order.total, order.currency),
        "currency": order.currency,
        "customIds": [unit.get("custom_id") for unit in order.units],
        "invoiceIds": [unit.get("invoice_id") for unit in order.units],
        "requestId": order.request_id,
        "captureIds": order.capture_ids,
        "createdAt": order.created_at,
    }


def _capture(row: Row) -> dict[str, Any]:
    capture = msgspec.json.decode(row.body, type=Capture)
    return {
        "id": capture.id,
        "clientId": capture.client_id,
        "orderId": capture.order_id,
        "status": capture.status,
        "amount": canonical(capture.amount, capture.currency),
        "refunded": canonical(capture.refunded, capture.currency),
        "fee": canonical(capture.fee, capture.currency),
        "currency": capture.currency,
        "customId": capture.custom_id,
        "invoiceId": capture.invoice_id,
        "requestId": capture.request_id,
        "refundIds": capture.refund_ids,
        "createdAt": capture.created_at,
    }


def _refund(row: Row) -> dict[str, Any]:
    refund = msgspec.json.decode(row.body, type=Refund)
    return {
        "id": refund.id,
        "clientId": refund.client_id,
        "captureId": refund.capture_id,
        "status": "COMPLETED",
        "amount": canonical(refund.amount, refund.currency),
        "currency": refund.currency,
        "customId": refund.custom_id,
        "invoiceId": refund.invoice_id,
        "noteToPayer": refund.note_to_payer,
        "requestId": refund.request_id,
        "createdAt": refund.created_at,
    }

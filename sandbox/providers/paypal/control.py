"""Controls of the simulated PayPal: its merchants, how reviews end, and disputes."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.control import LEDGER_ROWS_MAX, ledger_route
from sandbox.providers.paypal.captures import settle_capture
from sandbox.providers.paypal.disputes import DEFAULT_REASON, open_dispute, resolve_dispute
from sandbox.providers.paypal.ledger import BOOKS, show_dispute
from sandbox.providers.paypal.model import (
    MERCHANT,
    CaptureStatus,
    DisputeOutcome,
    Merchant,
    RefundStatus,
)
from sandbox.providers.paypal.oauth import secret_digest
from sandbox.providers.paypal.refunds import settle_refund
from sandbox.providers.paypal.simulation import PayPalSimulation
from sandbox.providers.webhooks.loopback import require_loopback_url

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


class SettleRefund(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/refunds/{id}/settle``: what becomes of a pending refund."""

    status: Literal["COMPLETED", "FAILED"]


class OpenDispute(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/captures/{id}/dispute``."""

    reason: Literal[
        "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
        "UNAUTHORISED",
        "CREDIT_NOT_PROCESSED",
        "DUPLICATE_TRANSACTION",
        "INCORRECT_AMOUNT",
        "PAYMENT_BY_OTHER_MEANS",
        "CANCELED_RECURRING_BILLING",
        "PROBLEM_WITH_REMITTANCE",
        "OTHER",
    ] = DEFAULT_REASON


class ResolveDispute(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/disputes/{id}/resolve``."""

    outcome: DisputeOutcome


def control_routes(simulation: PayPalSimulation) -> list[Route]:
    """The controls that only PayPal has."""
    return [
        *_merchant_routes(simulation),
        *_settling_routes(simulation),
        *_dispute_routes(simulation),
        ledger_route(simulation.store, BOOKS),
    ]


def _merchant_routes(simulation: PayPalSimulation) -> list[Route]:
    store = simulation.store

    async def register(request: Request) -> Response:
        wanted = await read_json(request, RegisterMerchant)
        require_loopback_url(wanted.webhook_url)
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

    return [
        Route("/_control/merchants", register, methods=["POST"]),
        Route("/_control/merchants", list_merchants, methods=["GET"]),
    ]


def _settling_routes(simulation: PayPalSimulation) -> list[Route]:
    store = simulation.store

    async def settle_held_capture(request: Request) -> Response:
        status = CaptureStatus((await read_json(request, SettleCapture)).status)
        capture_id = request.path_params["capture_id"]
        if not await store.transact(lambda: settle_capture(simulation, capture_id, status)):
            raise HTTPException(404, "no such capture is pending")
        return json_response({"id": capture_id, "status": status})

    async def settle_held_refund(request: Request) -> Response:
        status = RefundStatus((await read_json(request, SettleRefund)).status)
        refund_id = request.path_params["refund_id"]
        if not await store.transact(lambda: settle_refund(simulation, refund_id, status)):
            raise HTTPException(404, "no such refund is pending")
        return json_response({"id": refund_id, "status": status})

    return [
        Route("/_control/captures/{capture_id}/settle", settle_held_capture, methods=["POST"]),
        Route("/_control/refunds/{refund_id}/settle", settle_held_refund, methods=["POST"]),
    ]


def _dispute_routes(simulation: PayPalSimulation) -> list[Route]:
    store = simulation.store

    async def dispute(request: Request) -> Response:
        reason = (await read_json(request, OpenDispute)).reason
        capture_id = request.path_params["capture_id"]
        opened = await store.transact(lambda: open_dispute(simulation, capture_id, reason))
        if opened is None:
            raise HTTPException(404, "no such capture holds money that is not disputed yet")
        return json_response(show_dispute(opened), 201)

    async def resolve(request: Request) -> Response:
        outcome = (await read_json(request, ResolveDispute)).outcome
        dispute_id = request.path_params["dispute_id"]
        ended = await store.transact(lambda: resolve_dispute(simulation, dispute_id, outcome))
        if ended is None:
            raise HTTPException(404, "no such dispute is open")
        return json_response(show_dispute(ended))

    return [
        Route("/_control/captures/{capture_id}/dispute", dispute, methods=["POST"]),
        Route("/_control/disputes/{dispute_id}/resolve", resolve, methods=["POST"]),
    ]


def _merchant(merchant: Merchant) -> dict[str, Any]:
    return {
        "clientId": merchant.client_id,
        "webhookId": merchant.webhook_id,
        "webhookUrl": merchant.webhook_url,
    }

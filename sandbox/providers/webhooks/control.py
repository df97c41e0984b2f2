"""Controls of the notifications: hold them, list them, deliver or drop one."""

from typing import Annotated, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.control import books_page
from sandbox.providers.store import Row, Store
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.model import NOTIFICATION, Attempt, Mode, Notification, Tamper
from sandbox.providers.webhooks.outbox import Outbox

TIMES_MAX = 20
ROWS_MAX = 1_000


class SetMode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /_control/webhooks``."""

    mode: Mode


class Deliver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /_control/webhooks/{id}/deliver``."""

    times: Annotated[int, msgspec.Meta(ge=1, le=TIMES_MAX)] = 1
    tamper: Tamper | None = None


def webhook_routes(store: Store, outbox: Outbox, identity: SigningIdentity) -> list[Route]:
    """``/_control/webhooks`` and ``/_control/ca.pem``."""

    async def show(request: Request) -> Response:
        page = await books_page(
            store, request, {NOTIFICATION: ("webhooks", _whole)}, rows_max=ROWS_MAX
        )
        return json_response({"mode": outbox.mode} | page)

    async def set_mode(request: Request) -> Response:
        await outbox.set_mode((await read_json(request, SetMode)).mode)
        return json_response({"mode": outbox.mode})

    async def deliver(request: Request) -> Response:
        wanted = await read_json(request, Deliver)
        attempts = await outbox.deliver(
            request.path_params["id"], times=wanted.times, tamper=wanted.tamper
        )
        if attempts is None:
            raise HTTPException(404, "there is no such notification")
        return json_response({"attempts": [_attempt(attempt) for attempt in attempts]})

    async def drop(request: Request) -> Response:
        if not await outbox.drop(request.path_params["id"]):
            raise HTTPException(404, "no such notification waits")
        return json_response({"id": request.path_params["id"], "state": "DROPPED"})

    async def ca(_: Request) -> Response:
        return pem_response(identity.ca_pem)

    return [
        Route("/_control/webhooks", show, methods=["GET"]),
        Route("/_control/webhooks", set_mode, methods=["POST"]),
        Route("/_control/webhooks/{id}/deliver", deliver, methods=["POST"]),
        Route("/_control/webhooks/{id}/drop", drop, methods=["POST"]),
        Route("/_control/ca.pem", ca, methods=["GET"]),
    ]


def pem_response(pem: str) -> Response:
    """Return a certificate."""
    return Response(pem, media_type="application/x-pem-file")


def ledger_entry(row: Row) -> dict[str, Any]:
    """Return a notification as the ledger shows it: what became of it, without its body."""
    return _summary(msgspec.json.decode(row.body, type=Notification))


def _whole(row: Row) -> dict[str, Any]:
    notification = msgspec.json.decode(row.body, type=Notification)
    return _summary(notification) | {
        "url": notification.url,
        "body": msgspec.Raw(notification.body.encode()),
        "attempts": [_attempt(attempt) for attempt in notification.attempts],
    }


def _summary(notification: Notification) -> dict[str, Any]:
    return {
        "id": notification.id,
        "eventType": notification.event_type,
        "merchantId": notification.merchant_id,
        "paymentId": notification.payment_id,
        "state": notification.state,
        "createdAt": notification.created_at,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at,
        "status": attempt.status,
        "problem": attempt.problem,
        "tamper": attempt.tamper,
    }

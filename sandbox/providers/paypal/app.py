"""The simulated PayPal as an ASGI application."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.agenda import Agenda, in_background
from sandbox.providers.bodies import read_body
from sandbox.providers.clock import Clock
from sandbox.providers.control import clock_routes, control_refusal, fault_routes
from sandbox.providers.faults import FaultScript
from sandbox.providers.identifiers import hexadecimal
from sandbox.providers.pages import STYLESHEET
from sandbox.providers.paypal import checkout_page, operations, sent_events
from sandbox.providers.paypal.changes import perform_changes
from sandbox.providers.paypal.control import control_routes
from sandbox.providers.paypal.errors import (
    CODES,
    DEBUG_ID_LENGTH,
    PayPalRefusal,
    Problem,
    condition,
    refusal_by_code,
    refuse,
)
from sandbox.providers.paypal.idempotency import REQUEST_ID_LENGTH_MAX
from sandbox.providers.paypal.mock_response import raise_mocked
from sandbox.providers.paypal.model import Merchant
from sandbox.providers.paypal.oauth import authenticate, issue_token
from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.paypal.scenarios import SCENARIOS
from sandbox.providers.paypal.signatures import CERTIFICATE_HOST, PayPalSigner, show_certificate
from sandbox.providers.paypal.simulation import Call, PayPalSimulation
from sandbox.providers.scenarios import ScenarioScript, scenario_routes
from sandbox.providers.store import Store
from sandbox.providers.webhooks.control import webhook_routes
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.outbox import Outbox

Operation = Callable[[PayPalSimulation, Call], Response]
Page = Callable[[PayPalSimulation, Request], Awaitable[Response]]

_OPERATIONS: list[tuple[str, str, str, Operation]] = [
    ("create_order", "POST", "/v2/checkout/orders", operations.create_order),
    ("get_order", "GET", "/v2/checkout/orders/{id}", operations.get_order),
    ("capture", "POST", "/v2/checkout/orders/{id}/capture", operations.capture_order),
    ("get_capture", "GET", "/v2/payments/captures/{id}", operations.get_capture),
    ("refund", "POST", "/v2/payments/captures/{id}/refund", operations.refund_capture),
    ("get_refund", "GET", "/v2/payments/refunds/{id}", operations.get_refund),
    (
        "verify_webhook",
        "POST",
        "/v1/notifications/verify-webhook-signature",
        operations.verify_webhook,
    ),
    ("get_event", "GET", "/v1/notifications/webhooks-events/{id}", sent_events.get_event),
    (
        "resend_event",
        "POST",
        "/v1/notifications/webhooks-events/{id}/resend",
        sent_events.resend_event,
    ),
]
# What answers without a bearer token, and can be made to fail.
_OPEN: list[tuple[str, str, str, Page]] = [
    ("token", "POST", "/v1/oauth2/token", issue_token),
    ("certificate", "GET", "/v1/notifications/certs/{name}", show_certificate),
]
_PAGES: list[tuple[str, str, Page]] = [
    ("GET", "/checkoutnow", checkout_page.show_checkout),
    ("POST", "/checkoutnow/approve", checkout_page.approve_checkout),
    ("POST", "/checkoutnow/cancel", checkout_page.cancel_checkout),
]
_REPRESENTATION = re.compile(r"(^|[\s,;])return=representation($|[\s,;])")


def create_paypal_app(
    store: Store, *, public_url: str, rules: PayPalRules | None = None
) -> Starlette:
    """Build a simulated PayPal.

    Args:
        store: Where it keeps everything; the caller opens and closes it.
        public_url: The origin under which payers and merchants reach it, without a slash at the end.
        rules: What the run sets differently.
    """
    simulation = _simulation(store, public_url, rules or PayPalRules())
    return Starlette(
        routes=[
            *(_open_route(simulation, *entry) for entry in _OPEN),
            *(_operation_route(simulation, *entry) for entry in _OPERATIONS),
            *(_page_route(simulation, *entry) for entry in _PAGES),
            STYLESHEET,
            *clock_routes(simulation.clock),
            *fault_routes(simulation.faults),
            *scenario_routes(simulation.scenarios),
            *webhook_routes(store, simulation.outbox, simulation.identity),
            *control_routes(simulation),
        ],
        exception_handlers={HTTPException: control_refusal},
        lifespan=lambda _: in_background(
            simulation.outbox.run, partial(perform_changes, simulation)
        ),
    )


def _simulation(store: Store, public_url: str, rules: PayPalRules) -> PayPalSimulation:
    operation_names = frozenset(name for name, *_ in (*_OPEN, *_OPERATIONS))
    clock = Clock(store)
    faults = FaultScript(operations=operation_names, codes=CODES)
    identity = SigningIdentity(
        store.path.with_name("paypal-webhook-key.json"), host=CERTIFICATE_HOST
    )
    outbox = Outbox(
        store,
        clock,
        PayPalSigner(store, identity, public_url),
        attempts_max=rules.webhook_attempts_max,
        retry_s=rules.webhook_retry_s,
    )
    return PayPalSimulation(
        store=store,
        clock=clock,
        faults=faults,
        rules=rules,
        public_url=public_url,
        scenarios=ScenarioScript(SCENARIOS, faults),
        identity=identity,
        outbox=outbox,
        changes=Agenda(store, clock, "change"),
    )


def _open_route(
    simulation: PayPalSimulation, name: str, method: str, path: str, show: Page
) -> Route:
    async def serve(request: Request) -> Response:
        return _with_debug_id(
            await simulation.faults.around(name, lambda: show(simulation, request), refusal_by_code)
        )

    return Route(path, serve, methods=[method])


def _page_route(simulation: PayPalSimulation, method: str, path: str, show: Page) -> Route:
    async def serve(request: Request) -> Response:
        return await show(simulation, request)

    return Route(path, serve, methods=[method])


def _operation_route(
    simulation: PayPalSimulation, name: str, method: str, path: str, operation: Operation
) -> Route:
    async def serve(request: Request) -> Response:
        checkout_url = simulation.checkout_url(request.path_params.get("id", ""))
        return _with_debug_id(
            await simulation.faults.around(
                name,
                lambda: _answer(simulation, request, operation),
                partial(refusal_by_code, checkout_url=checkout_url),
            )
        )

    return Route(path, serve, methods=[method])


def _with_debug_id(response: Response) -> Response:
    response.headers.setdefault("Paypal-Debug-Id", hexadecimal(DEBUG_ID_LENGTH))
    return response


async def _answer(simulation: PayPalSimulation, request: Request, operation: Operation) -> Response:
    try:
        return await _authenticated(simulation, request, operation)
    except PayPalRefusal as refusal:
        return refusal.response()


async def _authenticated(
    simulation: PayPalSimulation, request: Request, operation: Operation
) -> Response:
    authorization = request.headers.get("authorization")
    merchant = await simulation.store.transact(lambda: authenticate(simulation, authorization))
    if isinstance(merchant, Response):
        return merchant
    body = await read_body(request)
    if request.method == "POST" and not _is_json(request):
        return condition(415)
    raise_mocked(request.headers.get("paypal-mock-response"))
    call = Call(
        merchant=merchant,
        operation=f"{request.method} {request.url.path}",
        resource_id=request.path_params.get("id", ""),
        body=_json_object(body),
        raw_body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        request_id=_request_id(request),
        representation=bool(_REPRESENTATION.search(request.headers.get("prefer", ""))),
    )
    return await _alone(simulation, merchant, call, operation)


async def _alone(
    simulation: PayPalSimulation, merchant: Merchant, call: Call, operation: Operation
) -> Response:
    """Run the operation unless one with the same request id is still running."""
    if call.request_id is None:
        return await simulation.store.transact(lambda: operation(simulation, call))
    running = (merchant.client_id, call.request_id)
    if running in simulation.requests_in_progress:
        raise refuse("PREVIOUS_REQUEST_IN_PROGRESS")
    simulation.requests_in_progress.add(running)
    try:
        return await simulation.store.transact(lambda: operation(simulation, call))
    finally:
        simulation.requests_in_progress.discard(running)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == "application/json"


def _json_object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise refuse("MALFORMED_REQUEST_JSON", "/") from error


def _request_id(request: Request) -> str | None:
    request_id = request.headers.get("paypal-request-id")
    if request_id is not None and not 1 <= len(request_id) <= REQUEST_ID_LENGTH_MAX:
        raise PayPalRefusal(
            Problem(issue="INVALID_STRING_LENGTH", field="PayPal-Request-Id", location="header")
        )
    return request_id

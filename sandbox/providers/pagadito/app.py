"""The simulated Pagadito as an ASGI application."""

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.agenda import Agenda, in_background
from sandbox.providers.clock import Clock
from sandbox.providers.control import clock_routes, control_refusal, fault_routes
from sandbox.providers.faults import FaultScript
from sandbox.providers.pagadito import connect_rest
from sandbox.providers.pagadito.apipg import OPERATION_NAMES, envelope, serve_apipg
from sandbox.providers.pagadito.changes import perform_changes
from sandbox.providers.pagadito.codes import MESSAGES
from sandbox.providers.pagadito.control import control_routes
from sandbox.providers.pagadito.pay_page import finish_pay_page, show_pay_page
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.pagadito.scenarios import SCENARIOS
from sandbox.providers.pagadito.signatures import (
    CERTIFICATE_HOST,
    CERTIFICATE_PATH,
    PagaditoSigner,
)
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pages import STYLESHEET
from sandbox.providers.scenarios import ScenarioScript, scenario_routes
from sandbox.providers.store import Store
from sandbox.providers.webhooks.control import pem_response, webhook_routes
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.outbox import Outbox

_APIPG_PATHS = ("/apipg/charges.php", "/comercios/apipg/charges.php")


def create_pagadito_app(
    store: Store,
    *,
    public_url: str,
    rules: PagaditoRules | None = None,
    return_url_template: str | None = None,
) -> Starlette:
    """Build a simulated Pagadito.

    Args:
        store: Where it keeps everything; the caller opens and closes it.
        public_url: The origin under which payers and merchants reach it, without a slash at the end.
        rules: What the run sets differently.
        return_url_template: Where payers go back to, with ``{value}`` and ``{ern_value}``, for merchants
            whose registration names no template.
    """
    simulation = _simulation(store, public_url, rules or PagaditoRules(), return_url_template)
    return Starlette(
        routes=[
            *_merchant_routes(simulation),
            *_page_routes(simulation),
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


def _simulation(
    store: Store, public_url: str, rules: PagaditoRules, return_url_template: str | None
) -> PagaditoSimulation:
    clock = Clock(store)
    faults = FaultScript(operations=OPERATION_NAMES | {"certificate"}, codes=frozenset(MESSAGES))
    identity = SigningIdentity(
        store.path.with_name("pagadito-webhook-key.json"), host=CERTIFICATE_HOST
    )
    outbox = Outbox(
        store,
        clock,
        PagaditoSigner(store, identity, public_url, rules.webhook_algorithm),
        attempts_max=rules.webhook_attempts_max,
        retry_s=rules.webhook_retry_s,
    )
    return PagaditoSimulation(
        store=store,
        clock=clock,
        faults=faults,
        rules=rules,
        public_url=public_url,
        return_url_template=return_url_template,
        scenarios=ScenarioScript(SCENARIOS, faults),
        identity=identity,
        outbox=outbox,
        changes=Agenda(store, clock, "change"),
    )


def _merchant_routes(simulation: PagaditoSimulation) -> list[Route]:
    async def apipg(request: Request) -> Response:
        return await serve_apipg(simulation, request)

    async def exec_trans(request: Request) -> Response:
        return await simulation.faults.around(
            "exec_trans",
            lambda: connect_rest.serve_rest(simulation, request, connect_rest.exec_trans),
            partial(connect_rest.rest_refusal, simulation),
        )

    async def get_status(request: Request) -> Response:
        return await simulation.faults.around(
            "get_status",
            lambda: connect_rest.serve_rest(simulation, request, connect_rest.get_status),
            partial(connect_rest.rest_refusal, simulation),
        )

    return [
        *(Route(path, apipg, methods=["POST"]) for path in _APIPG_PATHS),
        Route("/api/v2/exec-trans", exec_trans, methods=["POST"]),
        Route("/api/v2/get-status", get_status, methods=["POST"]),
    ]


def _page_routes(simulation: PagaditoSimulation) -> list[Route]:
    async def show(request: Request) -> Response:
        return await show_pay_page(simulation, request)

    async def finish(request: Request) -> Response:
        return await finish_pay_page(simulation, request)

    async def show_certificate() -> Response:
        return pem_response(simulation.identity.certificate_pem)

    async def certificate(_: Request) -> Response:
        return await simulation.faults.around(
            "certificate", show_certificate, partial(envelope, simulation)
        )

    return [
        Route(CERTIFICATE_PATH, certificate, methods=["GET"]),
        Route("/comercios/index.php", show, methods=["GET"]),
        Route("/comercios/pay", finish, methods=["POST"]),
    ]

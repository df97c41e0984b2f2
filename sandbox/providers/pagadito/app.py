"""The simulated Pagadito as an ASGI application."""

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.clock import Clock
from sandbox.providers.control import clock_routes, control_refusal, fault_routes
from sandbox.providers.faults import FaultScript
from sandbox.providers.pagadito import connect_rest
from sandbox.providers.pagadito.apipg import OPERATION_NAMES, serve_apipg
from sandbox.providers.pagadito.codes import MESSAGES
from sandbox.providers.pagadito.control import control_routes
from sandbox.providers.pagadito.pay_page import finish_pay_page, show_pay_page
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pages import STYLESHEET
from sandbox.providers.store import Store

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
    simulation = PagaditoSimulation(
        store=store,
        clock=Clock(store),
        faults=FaultScript(operations=OPERATION_NAMES, codes=frozenset(MESSAGES)),
        rules=rules or PagaditoRules(),
        public_url=public_url,
        return_url_template=return_url_template,
    )
    return Starlette(
        routes=[
            *_merchant_routes(simulation),
            *_page_routes(simulation),
            STYLESHEET,
            *clock_routes(simulation.clock),
            *fault_routes(simulation.faults),
            *control_routes(simulation),
        ],
        exception_handlers={HTTPException: control_refusal},
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

    return [
        Route("/comercios/index.php", show, methods=["GET"]),
        Route("/comercios/pay", finish, methods=["POST"]),
    ]

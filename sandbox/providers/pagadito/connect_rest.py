"""Connect REST v2: the same charges with JSON, HTTP Basic, and no session.

Source: public clients of Pagadito Connect (2023); HTTP statuses of refusals are not documented.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.providers.bodies import json_response, read_body
from sandbox.providers.identifiers import hexadecimal
from sandbox.providers.pagadito.apipg import (
    TOKEN_LENGTH,
    authenticated,
    checkout_url,
    status_value,
)
from sandbox.providers.pagadito.charge_request import read_charge, read_json_text
from sandbox.providers.pagadito.codes import MESSAGES, PagaditoRefusal
from sandbox.providers.pagadito.model import Merchant
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pagadito.transactions import merchants_transaction, register_charge

_COUNTRIES = frozenset({"SV", "GT"})
_UNKNOWN_CREDENTIALS = frozenset({"PG3001", "PG3005"})

Body = dict[str, Any]
RestOperation = Callable[[PagaditoSimulation, Merchant, Body], tuple[str, Body]]


async def serve_rest(
    simulation: PagaditoSimulation, request: Request, operation: RestOperation
) -> Response:
    """Answer one call of Connect REST."""
    raw = await read_body(request)
    credentials = _credentials(request.headers.get("authorization", ""))

    def work() -> tuple[str, Body]:
        merchant = authenticated(simulation, *credentials)
        return operation(simulation, merchant, _object(raw))

    try:
        code, data = await simulation.store.transact(work)
    except PagaditoRefusal as refusal:
        return rest_refusal(simulation, refusal.code)
    return json_response({"code": code, "message": MESSAGES[code], "data": data})


def rest_refusal(simulation: PagaditoSimulation, code: str) -> Response:
    """Return Connect's answer for a refusal."""
    status = simulation.rules.rest_refusal_status if code in _UNKNOWN_CREDENTIALS else 200
    return json_response({"code": code, "message": MESSAGES[code], "data": None}, status)


def exec_trans(simulation: PagaditoSimulation, merchant: Merchant, body: Body) -> tuple[str, Body]:
    """``POST /api/v2/exec-trans``: register a charge; the token comes back beside the URL."""
    _require(body, "ern", "amount", "details")
    charge = read_charge(
        ern=_text(body, "ern"),
        amount=body["amount"],
        currency=_text(body, "currency", default="USD"),
        details=body["details"],
        custom_params=body.get("custom_params"),
        allow_pending=body.get("allow_pending_payments") is True,
        extended=body.get("extended_expiration") is True,
        rules=simulation.rules,
    )
    token = hexadecimal(TOKEN_LENGTH)
    register_charge(simulation, merchant, token, charge)
    return "PG1002", {"url": checkout_url(simulation, merchant, token), "token": token}


def get_status(simulation: PagaditoSimulation, merchant: Merchant, body: Body) -> tuple[str, Body]:
    """``POST /api/v2/get-status``: how a charge stands."""
    _require(body, "token")
    transaction = merchants_transaction(simulation, merchant, _text(body, "token"))
    return "PG1003", status_value(simulation, transaction)


def _object(raw: bytes) -> Body:
    try:
        body = read_json_text(raw.decode())
    except UnicodeDecodeError as error:
        raise PagaditoRefusal("PG2002") from error
    if not isinstance(body, dict):
        raise PagaditoRefusal("PG2002")
    if body.get("country_code", "SV") not in _COUNTRIES:
        raise PagaditoRefusal("PG2002")
    return body


def _require(body: Body, *names: str) -> None:
    if any(body.get(name) in (None, "") for name in names):
        raise PagaditoRefusal("PG2001")


def _text(body: Body, name: str, *, default: str = "") -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise PagaditoRefusal("PG2002")
    return value


def _credentials(authorization: str) -> tuple[str, str]:
    """Return uid and wsk of HTTP Basic; two empty strings, which nobody has, where there are none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        uid, _, wsk = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return uid, wsk

"""APIPG: one URL, form fields, and an ``operation`` that is a hexadecimal key.

Source: Pagadito's PHP library 1.5.2. The HTTP status is always 200; the outcome is the ``code`` of the body.
"""

import hmac
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.providers.bodies import read_form
from sandbox.providers.expiring import put_until
from sandbox.providers.identifiers import hexadecimal
from sandbox.providers.pagadito.charge_request import read_charge, read_json_text
from sandbox.providers.pagadito.codes import MESSAGES, PagaditoRefusal
from sandbox.providers.pagadito.model import MERCHANT, SESSION, Merchant, Session, Transaction
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pagadito.transactions import merchants_transaction, register_charge

TOKEN_LENGTH = 32

Form = dict[str, str]
Outcome = tuple[str, Any]

_encoder = msgspec.json.Encoder(decimal_format="number")


async def serve_apipg(simulation: PagaditoSimulation, request: Request) -> Response:
    """Answer one call of APIPG."""
    form = await read_form(request)
    known = _OPERATIONS.get(form.get("operation", ""))
    if known is None:
        return envelope(simulation, "PG2001")
    name, operation = known

    async def answer() -> Response:
        try:
            code, value = await simulation.store.transact(lambda: operation(simulation, form))
        except PagaditoRefusal as refusal:
            return envelope(simulation, refusal.code)
        return envelope(simulation, code, value)

    return await simulation.faults.around(name, answer, partial(envelope, simulation))


def envelope(simulation: PagaditoSimulation, code: str, value: Any = None) -> Response:
    """Return Pagadito's answer around a code."""
    body = {
        "code": code,
        "message": MESSAGES[code],
        "value": value,
        "datetime": simulation.local_time(simulation.clock.now()),
    }
    return Response(_encoder.encode(body), media_type="application/json")


def connect(simulation: PagaditoSimulation, form: Form) -> Outcome:
    """Give a session token to a merchant that knows its key."""
    uid, wsk = _required(form, "uid", "wsk")
    merchant = authenticated(simulation, uid, wsk)
    token = hexadecimal(TOKEN_LENGTH)
    now = simulation.clock.now()
    until = now + timedelta(seconds=simulation.rules.connect_token_life_s)
    session = Session(uid=merchant.uid, expires_at=until)
    put_until(simulation.store, SESSION, token, session, now=now, until=until)
    return "PG1001", token


def authenticated(simulation: PagaditoSimulation, uid: str, wsk: str) -> Merchant:
    """Return the merchant with these credentials.

    Raises:
        PagaditoRefusal: PG3001 they are not registered, PG3005 the connection is switched off.
    """
    merchant = simulation.store.get(MERCHANT, uid, Merchant)
    if merchant is None or not hmac.compare_digest(merchant.wsk.encode(), wsk.encode()):
        raise PagaditoRefusal("PG3001")
    if not merchant.enabled:
        raise PagaditoRefusal("PG3005")
    return merchant


def exec_trans(simulation: PagaditoSimulation, form: Form) -> Outcome:
    """Register a charge under the session's token, which is used up by it."""
    token, ern, amount, details = _required(form, "token", "ern", "amount", "details")
    merchant = _session_merchant(simulation, token)
    charge = read_charge(
        ern=ern,
        amount=amount,
        currency=form.get("currency") or "USD",
        details=read_json_text(details),
        custom_params=read_json_text(form.get("custom_params") or "[]"),
        allow_pending=form.get("allow_pending_payments") == "true",
        extended=form.get("extended_expiration") in {"true", "1"},
        rules=simulation.rules,
    )
    register_charge(simulation, merchant, token, charge)
    simulation.store.remove(SESSION, token)
    url = checkout_url(simulation, merchant, token)
    return "PG1002", quote(url, safe="") if simulation.rules.checkout_url_encoded else url


def get_status(simulation: PagaditoSimulation, form: Form) -> Outcome:
    """Say how a charge stands, to a session of its merchant."""
    token, token_trans = _required(form, "token", "token_trans")
    merchant = _session_merchant(simulation, token)
    return "PG1003", status_value(
        simulation, merchants_transaction(simulation, merchant, token_trans)
    )


def get_exchange_rate(simulation: PagaditoSimulation, form: Form) -> Outcome:
    """Say how many units of a currency make one US dollar; the session goes on."""
    token, currency = _required(form, "token", "currency")
    merchant = _session_merchant(simulation, token)
    rate = merchant.rates.get(currency)
    if rate is None:
        raise PagaditoRefusal("PG3008")
    return "PG1004", rate


def status_value(simulation: PagaditoSimulation, transaction: Transaction) -> dict[str, Any]:
    """Return a charge as ``get_status`` shows it."""
    value: dict[str, Any] = {
        "status": transaction.status,
        "reference": transaction.reference,
        "date_trans": simulation.local_time(transaction.updated_at),
    }
    if simulation.rules.status_shows_amount:
        value |= {"amount": f"{transaction.amount:.2f}", "currency": transaction.currency}
    return value


def checkout_url(simulation: PagaditoSimulation, merchant: Merchant, token: str) -> str:
    """Return where the payer pays the charge."""
    query = f"mod=login&token={token}&idca={merchant.idca}"
    return f"{simulation.public_url}/comercios/index.php?{query}"


def _session_merchant(simulation: PagaditoSimulation, token: str) -> Merchant:
    session = simulation.store.get(SESSION, token, Session)
    if session is None or session.expires_at <= simulation.clock.now():
        raise PagaditoRefusal("PG3007")
    merchant = simulation.store.get(MERCHANT, session.uid, Merchant)
    assert merchant is not None, "sessions are only given to registered merchants, which stay"
    if not merchant.enabled:
        raise PagaditoRefusal("PG3005")
    return merchant


def _required(form: Form, *names: str) -> list[str]:
    values = [form.get(name, "") for name in names]
    if not all(values):
        raise PagaditoRefusal("PG2001")
    # The answers are JSON; PHP's own serialisation and XML, which nobody here reads, are not offered.
    if form.get("format_return", "json") != "json":
        raise PagaditoRefusal("PG2002")
    return values


_OPERATIONS: dict[str, tuple[str, Callable[[PagaditoSimulation, Form], Outcome]]] = {
    "f3f191ce3326905ff4403bb05b0de150": ("connect", connect),
    "41216f8caf94aaa598db137e36d4673e": ("exec_trans", exec_trans),
    "0b50820c65b0de71ce78f6221a5cf876": ("get_status", get_status),
    "da6b597cfcd0daf129287758b3c73b76": ("get_exchange_rate", get_exchange_rate),
}
OPERATION_NAMES = frozenset(name for name, _ in _OPERATIONS.values())

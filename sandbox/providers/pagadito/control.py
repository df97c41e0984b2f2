"""Controls of the simulated Pagadito: its merchants, its books, and the end of a verification."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.control import LEDGER_ROWS_MAX, ledger_route
from sandbox.providers.identifiers import digits
from sandbox.providers.pagadito.model import (
    MERCHANT,
    TRANSACTION,
    Merchant,
    Transaction,
    TransactionStatus,
)
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pagadito.transactions import as_of_now, settle_transaction
from sandbox.providers.store import Row
from sandbox.providers.webhooks.control import ledger_entry
from sandbox.providers.webhooks.loopback import require_loopback_url
from sandbox.providers.webhooks.model import NOTIFICATION

IDCA_LENGTH = 6
# Plausible, not current: a merchant's registration may say otherwise.
DEFAULT_RATES = {
    "USD": Decimal(1),
    "PAB": Decimal(1),
    "GTQ": Decimal("7.70"),
    "HNL": Decimal("24.70"),
    "NIO": Decimal("36.60"),
    "DOP": Decimal("59.00"),
    "CRC": Decimal("510.00"),
}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]


class RegisterMerchant(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/merchants``: an account; the same ``uid`` again changes it.

    ``min`` and ``max`` are in US dollars, a rate is units of a currency for one US dollar. All are decimal
    strings or JSON numbers.
    """

    uid: Annotated[str, msgspec.Meta(pattern="^[^:]{1,255}$")]
    wsk: Name
    return_url_template: Name | None = None
    webhook_url: Name | None = None
    enabled: bool = True
    min: Decimal = Decimal("1.00")
    max: Decimal = Decimal("10000.00")
    rates: dict[str, Decimal] = msgspec.field(default_factory=DEFAULT_RATES.copy)


class SettleTransaction(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/transactions/{token}/settle``: how the check of a held charge ends."""

    status: Literal["COMPLETED", "REVOKED"]


def control_routes(simulation: PagaditoSimulation) -> list[Route]:
    """The controls that only Pagadito has."""
    store = simulation.store

    async def register(request: Request) -> Response:
        wanted = await read_json(request, RegisterMerchant)
        require_loopback_url(wanted.webhook_url)
        if not all(amount.is_finite() and amount > 0 for amount in _amounts(wanted)):
            raise HTTPException(422, "min, max and every rate are above zero")
        merchant = await store.transact(lambda: _register(simulation, wanted))
        return json_response(_merchant(merchant))

    async def list_merchants(_: Request) -> Response:
        rows = await store.transact(lambda: store.page([MERCHANT], after=0, limit=LEDGER_ROWS_MAX))
        merchants = [msgspec.json.decode(row.body, type=Merchant) for row in rows]
        return json_response({"merchants": [_merchant(merchant) for merchant in merchants]})

    async def settle(request: Request) -> Response:
        status = TransactionStatus((await read_json(request, SettleTransaction)).status)
        token = request.path_params["token"]
        if not await store.transact(lambda: settle_transaction(simulation, token, status)):
            raise HTTPException(404, "no such charge is being verified")
        return json_response({"token": token, "status": status})

    def entry(row: Row) -> dict[str, Any]:
        stored = msgspec.json.decode(row.body, type=Transaction)
        return _transaction(as_of_now(simulation, stored))

    return [
        Route("/_control/merchants", register, methods=["POST"]),
        Route("/_control/merchants", list_merchants, methods=["GET"]),
        Route("/_control/transactions/{token}/settle", settle, methods=["POST"]),
        ledger_route(
            store,
            {TRANSACTION: ("transactions", entry), NOTIFICATION: ("webhooks", ledger_entry)},
        ),
    ]


def _amounts(wanted: RegisterMerchant) -> list[Decimal]:
    return [wanted.min, wanted.max, *wanted.rates.values()]


def _register(simulation: PagaditoSimulation, wanted: RegisterMerchant) -> Merchant:
    known = simulation.store.get(MERCHANT, wanted.uid, Merchant)
    merchant = Merchant(
        uid=wanted.uid,
        wsk=wanted.wsk,
        idca=known.idca if known else digits(IDCA_LENGTH),
        return_url_template=wanted.return_url_template,
        webhook_url=wanted.webhook_url,
        enabled=wanted.enabled,
        minimum=wanted.min,
        maximum=wanted.max,
        rates=wanted.rates,
    )
    simulation.store.put(MERCHANT, merchant.uid, merchant)
    return merchant


def _merchant(merchant: Merchant) -> dict[str, Any]:
    return {
        "uid": merchant.uid,
        "idca": merchant.idca,
        "returnUrlTemplate": merchant.return_url_template,
        "webhookUrl": merchant.webhook_url,
        "enabled": merchant.enabled,
        "min": merchant.minimum,
        "max": merchant.maximum,
        "rates": merchant.rates,
    }


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "token": transaction.token,
        "uid": transaction.uid,
        "ern": transaction.ern,
        "status": transaction.status,
        "amount": f"{transaction.amount:.2f}",
        "currency": transaction.currency,
        "reference": transaction.reference,
        "customParams": transaction.custom_params,
        "allowPendingPayments": transaction.allow_pending,
        "registeredAt": transaction.registered_at,
        "updatedAt": transaction.updated_at,
    }

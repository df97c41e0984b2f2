"""The page on which the payer pays a charge, or does not.

``GET /comercios/index.php?mod=login&token=TOKEN&idca=NUMBER`` shows it. Its form posts, as
``application/x-www-form-urlencoded``, to ``/comercios/pay`` with ``token`` and ``action``:

* ``pay`` (COMPLETED), ``hold`` (VERIFYING, or what the rules say where pending payments are not allowed),
  ``decline`` (FAILED), ``return`` (CANCELED: the link back to the merchant).

The answer redirects with 303 to the merchant's return URL, which says nothing about the outcome.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.providers.bodies import read_form
from sandbox.providers.pagadito.model import MERCHANT, Merchant, Transaction, TransactionStatus
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pagadito.transactions import (
    can_be_paid,
    find_transaction,
    finish_by_payer,
)
from sandbox.providers.pages import page

ACTIONS = {
    "pay": TransactionStatus.COMPLETED,
    "hold": TransactionStatus.VERIFYING,
    "decline": TransactionStatus.FAILED,
    "return": TransactionStatus.CANCELED,
}


async def show_pay_page(simulation: PagaditoSimulation, request: Request) -> Response:
    """Answer ``GET /comercios/index.php``."""
    query = request.query_params
    found = await simulation.store.transact(lambda: _find(simulation, query.get("token", "")))
    if query.get("mod") != "login" or found is None or found[1].idca != query.get("idca"):
        return _message("This payment is not known.", status=404)
    transaction, merchant = found
    if not can_be_paid(simulation, transaction):
        status = TransactionStatus.EXPIRED if _waiting(transaction) else transaction.status
        back = _return_url(simulation, merchant, transaction)
        return _message(f"This payment is {status}.", back=back)
    return page("pagadito_pay.html", transaction=transaction)


async def finish_pay_page(simulation: PagaditoSimulation, request: Request) -> Response:
    """Answer ``POST /comercios/pay``."""
    form = await read_form(request)
    status = ACTIONS.get(form.get("action", ""))
    if status is None:
        return _message("There is no such action.", status=400)
    token = form.get("token", "")

    def finish() -> tuple[Transaction, Merchant] | None:
        finish_by_payer(simulation, token, status)
        return _find(simulation, token)

    found = await simulation.store.transact(finish)
    if found is None:
        return _message("This payment is not known.", status=404)
    transaction, merchant = found
    back = _return_url(simulation, merchant, transaction)
    if back is None:
        return _message(f"This payment is {transaction.status}.")
    return RedirectResponse(back, 303)


def _find(simulation: PagaditoSimulation, token: str) -> tuple[Transaction, Merchant] | None:
    transaction = find_transaction(simulation, token)
    if transaction is None:
        return None
    merchant = simulation.store.get(MERCHANT, transaction.uid, Merchant)
    assert merchant is not None, "charges are only registered for merchants, which stay"
    return transaction, merchant


def _waiting(transaction: Transaction) -> bool:
    return transaction.status is TransactionStatus.REGISTERED


def _return_url(
    simulation: PagaditoSimulation, merchant: Merchant, transaction: Transaction
) -> str | None:
    template = merchant.return_url_template or simulation.return_url_template
    if template is None:
        return None
    with_token = template.replace("{value}", quote(transaction.token, safe=""))
    return with_token.replace("{ern_value}", quote(transaction.ern, safe=""))


def _message(text: str, *, status: int = 200, back: str | None = None) -> Response:
    return page("message.html", status=status, provider="Pagadito", text=text, back=back)

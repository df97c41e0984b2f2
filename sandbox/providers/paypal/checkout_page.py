"""The page on which the payer approves or cancels an order.

``GET /checkoutnow?token=ORDER`` shows it. Its forms post, as ``application/x-www-form-urlencoded``:

* ``/checkoutnow/approve`` with ``token`` and optionally ``funding``: ``instant`` (the default), ``review``
  (the capture stays PENDING) or ``declined`` (the capture is refused with INSTRUMENT_DECLINED until the payer
  chooses again);
* ``/checkoutnow/cancel`` with ``token``.

Both redirect with 303 to the merchant: ``return_url?token=ORDER&PayerID=PAYER`` or ``cancel_url?token=ORDER``.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.providers.bodies import read_form
from sandbox.providers.pages import page
from sandbox.providers.paypal.model import Funding, Order, OrderStatus
from sandbox.providers.paypal.orders import approve_order, find_order
from sandbox.providers.paypal.representation import PAYER_ID
from sandbox.providers.paypal.simulation import PayPalSimulation


async def show_checkout(simulation: PayPalSimulation, request: Request) -> Response:
    """Answer ``GET /checkoutnow``."""
    token = request.query_params.get("token", "")
    order = await simulation.store.transact(lambda: find_order(simulation, token))
    if order is None:
        return _message("This order is not known or has expired.", status=404)
    if order.status is OrderStatus.COMPLETED:
        return _message("This order has been paid.", back=_return_url(order))
    return page(
        "paypal_checkout.html",
        order=order,
        total=f"{order.total} {order.currency}",
        funding=Funding,
    )


async def approve_checkout(simulation: PayPalSimulation, request: Request) -> Response:
    """Answer ``POST /checkoutnow/approve``."""
    form = await read_form(request)
    try:
        funding = Funding(form.get("funding", Funding.INSTANT))
    except ValueError:
        return _message("There is no such funding source.", status=400)
    token = form.get("token", "")
    order = await simulation.store.transact(lambda: approve_order(simulation, token, funding))
    if order is None:
        return _message("This order is not known, has expired or has been paid.", status=404)
    back = _return_url(order)
    if back is None:
        return _message("Approved. You can go back to the shop.")
    return RedirectResponse(back, 303)


async def cancel_checkout(simulation: PayPalSimulation, request: Request) -> Response:
    """Answer ``POST /checkoutnow/cancel``; the order itself stays as it is."""
    token = (await read_form(request)).get("token", "")
    order = await simulation.store.transact(lambda: find_order(simulation, token))
    if order is None:
        return _message("This order is not known or has expired.", status=404)
    if order.cancel_url is None:
        return _message("Cancelled. You can go back to the shop.")
    return RedirectResponse(_with_query(order.cancel_url, token=order.id), 303)


def _return_url(order: Order) -> str | None:
    if order.return_url is None:
        return None
    return _with_query(order.return_url, token=order.id, PayerID=PAYER_ID)


def _with_query(url: str, **added: str) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *added.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _message(text: str, *, status: int = 200, back: str | None = None) -> Response:
    return page("message.html", status=status, provider="PayPal", text=text, back=back)

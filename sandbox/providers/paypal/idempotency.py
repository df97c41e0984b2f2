"""``PayPal-Request-Id``: the same call again is answered, not done again.

Source: PayPal's guideline on idempotency: a repeated id is answered with the latest state of what the first
request made, and 200 instead of 201.
"""

from collections.abc import Callable
from datetime import timedelta

from sandbox.providers.expiring import put_until
from sandbox.providers.paypal.errors import PayPalRefusal, Problem
from sandbox.providers.paypal.model import SERVED_REQUEST, ServedRequest
from sandbox.providers.paypal.simulation import Call, PayPalSimulation

REQUEST_ID_LENGTH_MAX = 108


def once(
    simulation: PayPalSimulation, call: Call, *, kept_s: int, perform: Callable[[], str]
) -> tuple[str, bool]:
    """Return the id of what the call made, now or when it was sent first, and whether it was now.

    A call that is refused leaves no trace: the same id may try again.

    Raises:
        PayPalRefusal: The id was used for another operation or, where the rules compare bodies, with
            another body.
    """
    if call.request_id is None:
        return perform(), True
    key = f"{call.merchant.client_id}:{call.request_id}"
    now = simulation.clock.now()
    served = simulation.store.get(SERVED_REQUEST, key, ServedRequest)
    if served is not None and served.at + timedelta(seconds=kept_s) > now:
        changed = (
            simulation.rules.request_bodies_compared and served.body_sha256 != call.body_sha256
        )
        if served.operation != call.operation or changed:
            raise _reused(simulation.rules.reused_request_id, call.request_id)
        return served.resource_id, False
    made = perform()
    record = ServedRequest(
        operation=call.operation, resource_id=made, body_sha256=call.body_sha256, at=now
    )
    until = now + timedelta(seconds=kept_s)
    put_until(simulation.store, SERVED_REQUEST, key, record, now=now, until=until)
    return made, True


def _reused(issue: str, request_id: str) -> PayPalRefusal:
    return PayPalRefusal(
        Problem(issue=issue, field="PayPal-Request-Id", value=request_id, location="header")
    )

"""Whatever JSON a command is sent, it is answered with one of the statuses that it describes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.rest.installation import AMOUNT_MAX, Installation
from tests.integration.rest.shop import order

UNKNOWN_ID = "6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5"
EXAMPLES = 120
DESCRIBED = {200, 201, 202, 400, 403, 404, 409, 422, 503}
BODIES: dict[str, dict[str, object]] = {
    "initiate": order(
        details=[{"quantity": 1, "description": "Tea", "price": "19.99"}],
        customParams={"a": 1},
        customer={"reference": "c-1", "email": "a@example.com"},
        externalReferenceNumber="ERN-1",
        fallbackProviders=["PAGADITO"],
        allowPendingPayments=True,
        returnUrl="https://shop.example/",
        cancelUrl="https://shop.example/",
    ),
    "complete": {"tenantId": "acme", "providerType": "PAYPAL", "paymentId": UNKNOWN_ID},
    "refund": {
        "tenantId": "acme",
        "paymentId": UNKNOWN_ID,
        "amount": "1.00",
        "reason": "broken",
        "refundId": "r1",
    },
    "cancel": {"tenantId": "acme", "paymentId": UNKNOWN_ID, "reason": "r"},
}
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.sampled_from(["", "ERN-", "\x00", "\ud800", "USD", "https://shop.example", "9" * 400])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[str, object]:
    """Return a command and its body with some of it replaced, at any depth."""
    name = draw(st.sampled_from(sorted(BODIES)))
    body: dict[str, Any] = json.loads(json.dumps(BODIES[name]))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = body
        key = draw(st.sampled_from(sorted(body)))
        while isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = draw(st.sampled_from(keys))
        place[key] = draw(VALUES)
    return name, body


def send(installation: Installation, name: str, raw: bytes) -> httpx.Response:
    headers = {**installation.authorization("acme"), "Content-Type": "application/json"}
    url = f"{installation.url}/api/v1/payments/{name}"
    answer = httpx.post(url, content=raw, headers=headers, verify=False)
    assert answer.status_code in DESCRIBED, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]
    return answer


any_number = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@any_number
@given(request=nearly_right())
def test_nearly_right_bodies(installation: Installation, request: tuple[str, object]) -> None:
    name, body = request
    send(installation, name, json.dumps(body).encode())


@any_number
@given(name=st.sampled_from(sorted(BODIES)), body=VALUES)
def test_any_json(installation: Installation, name: str, body: object) -> None:
    send(installation, name, json.dumps(body).encode())


@any_number
@given(name=st.sampled_from(sorted(BODIES)), raw=st.binary(max_size=100))
def test_any_bytes(installation: Installation, name: str, raw: bytes) -> None:
    send(installation, name, raw)


@any_number
@given(amount=st.decimals(min_value=-10, max_value=int(AMOUNT_MAX) + 10, places=3))
def test_an_amount_is_kept_to_the_cent_or_refused(
    installation: Installation, amount: Decimal
) -> None:
    raw = json.dumps(order(amount="MARK")).replace('"MARK"', f"{amount:f}")
    answer = send(installation, "initiate", raw.encode())
    cents = amount * 100
    if 0 < amount <= int(AMOUNT_MAX) and cents == cents.to_integral_value():
        assert (answer.status_code, Decimal(answer.json()["amount"])) == (201, amount)
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_amount")

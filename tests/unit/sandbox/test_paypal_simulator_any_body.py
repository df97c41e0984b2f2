"""Whatever JSON arrives, the simulators answer it; nothing makes them fail."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.providers.pagadito.app import create_pagadito_app
from sandbox.providers.store import open_store
from tests.unit.sandbox.paypal_merchant import order, paypal_merchant, unit

EXAMPLES = 60

MONEY = {"currency_code": "USD", "value": "1.00"}
ITEM = {"name": "Tea", "quantity": "1", "unit_amount": MONEY, "tax": MONEY}
BREAKDOWN = {"item_total": MONEY, "tax_total": MONEY}
WELL_FORMED = order(
    unit(items=[ITEM]) | {"amount": {**MONEY, "value": "2.00", "breakdown": BREAKDOWN}}
)
LINE = {"quantity": 1, "description": "Tea", "price": 1.5}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["0", "-1", "1e9", "JPY", "9" * 31, "", "\x00"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside ``value``."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of ``value`` with something else at ``path``."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(WELL_FORMED)), anything), min_size=5, max_size=5))
def test_any_order_is_made_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    async def send() -> list[httpx.Response]:
        with tempfile.TemporaryDirectory() as folder:
            async with paypal_merchant(Path(folder)) as shop:
                bodies = [replaced(WELL_FORMED, path, new) for path, new in changes]
                return [await shop.create(body) for body in bodies]

    for answer in asyncio.run(send()):
        assert answer.status_code in {201, 400, 422}
        assert "id" in answer.json() or answer.json()["details"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    anything,
    anything,
    st.sampled_from(places([LINE])),
    st.sampled_from(["1.5", "1e999999999", "NaN", "-0", "15,50"]),
)
def test_any_charge_is_registered_or_refused(
    value: Any, params: Any, path: tuple[Any, ...], amount: str
) -> None:
    body = {
        "ern": "E",
        "amount": amount,
        "details": replaced([LINE], path, value),
        "custom_params": params,
    }
    raw = json.dumps(body).replace('"1e999999999"', "1e999999999").encode()

    async def send() -> httpx.Response:
        with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s") as store:
            transport = httpx.ASGITransport(create_pagadito_app(store, public_url="http://p.test"))
            async with httpx.AsyncClient(transport=transport, base_url="http://p.test") as http:
                await http.post("/_control/merchants", json={"uid": "u", "wsk": "w"})
                return await http.post("/api/v2/exec-trans", content=raw, auth=("u", "w"))

    assert asyncio.run(send()).json()["code"].startswith("PG")

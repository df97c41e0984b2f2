"""Pagadito's transaction statuses in our words."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payment_gateway.application.ports import (
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    Declined,
    Expired,
    Held,
    ProviderOutcomeUnknown,
    Standing,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.providers.pagadito.statuses import standing

TOKEN = "0123456789abcdef0123456789abcdef"
TOTAL = PaymentAmountVO(15_50, "USD")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def found(word: object, **more: object) -> dict[str, Any]:
    return {"status": word, "reference": "R1", "date_trans": "?", **more}


@pytest.mark.parametrize(
    ("transaction", "expected"),
    [
        (found("REGISTERED", reference=None), AwaitingPayer()),
        (found("COMPLETED"), Captured(reference="R1", amount=None)),
        (found("COMPLETED", reference=None), Captured(reference=TOKEN, amount=None)),
        (found("COMPLETED", reference=""), Captured(reference=TOKEN, amount=None)),
        (found("COMPLETED", reference=4711), Captured(reference="4711", amount=None)),
        (
            found("COMPLETED", amount="15.50", currency="USD"),
            Captured(reference="R1", amount=TOTAL),
        ),
        (
            found("COMPLETED", amount=Decimal("15.5"), currency="USD"),
            Captured(reference="R1", amount=TOTAL),
        ),
        (
            found("COMPLETED", amount="119.35", currency="GTQ"),
            Captured(reference="R1", amount=None),
        ),
        (found("COMPLETED", amount="15.50"), Captured(reference="R1", amount=None)),
        (
            found("COMPLETED", amount="a lot", currency="USD"),
            Captured(reference="R1", amount=None),
        ),
        (found("VERIFYING"), Held(reference="R1", reason="VERIFYING")),
        (found("REVOKED"), Declined(reason="REVOKED", recoverable=False)),
        (found("FAILED"), Declined(reason="FAILED", recoverable=False)),
        (found("CANCELED"), CancelledByPayer()),
        (found("EXPIRED"), Expired()),
    ],
)
def test_where_a_charge_stands(transaction: dict[str, Any], expected: Standing) -> None:
    assert standing(transaction, token=TOKEN, currency="USD") == expected


@settings(deadline=None)  # a busy machine is no failure
@given(
    transaction=st.dictionaries(
        st.sampled_from(["status", "reference", "amount", "currency"]),
        st.sampled_from(["COMPLETED", "USD", "1.00", ""]) | ANY_JSON,
    )
)
def test_whatever_is_answered_is_a_standing_or_unknown(transaction: dict[str, Any]) -> None:
    with suppress(ProviderOutcomeUnknown):
        standing(transaction, token=TOKEN, currency="USD")

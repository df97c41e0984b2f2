"""What a payer is told who comes back and has nowhere to go on."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.presentation.rest.checkout_page import MEANINGS, checkout_page


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(PaymentStatusVO)


@pytest.mark.parametrize("status", PaymentStatusVO)
def test_nobody_whose_money_may_be_on_the_way_is_asked_to_pay_again(
    status: PaymentStatusVO,
) -> None:
    may_pay_again = status.is_closed_unpaid or status is PaymentStatusVO.AWAITING_PAYER
    assert may_pay_again or "try again" not in MEANINGS[status]


def test_its_policy_lets_its_own_style_in_and_nothing_else() -> None:
    answer = checkout_page(PaymentStatusVO.COMPLETED, "<b>order</b>")
    text = bytes(answer.body).decode()
    (style,) = re.findall("<style>(.*)</style>", text)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}';")
    assert "&lt;b&gt;order&lt;/b&gt;" in text

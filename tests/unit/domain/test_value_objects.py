"""Values are valid or are not there."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.errors import DetailsDoNotAddUp, InvalidAmountError, InvalidValue
from payment_gateway.domain.value_objects.currency import EXPONENT
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import (
    AMOUNT_MINOR_MAX,
    PaymentAmountVO,
)
from payment_gateway.domain.value_objects.payment_details import (
    PaymentDetailsVO,
    PaymentDetailVO,
    check_web_address,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_credentials import (
    PagaditoCredentialsVO,
    PayPalCredentialsVO,
)
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

currencies = st.sampled_from(sorted(EXPONENT))
minors = st.integers(0, AMOUNT_MINOR_MAX)


class TestPaymentAmount:
    def test_the_currency_table_is_the_published_one(self) -> None:
        published = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
        assert published == EXPONENT

    @given(minors, currencies)
    def test_text_and_back_is_the_same_amount(self, minor: int, currency: str) -> None:
        amount = PaymentAmountVO(minor, currency)
        assert PaymentAmountVO.parse(amount.decimal, currency) == amount
        assert PaymentAmountVO.parse(Decimal(amount.decimal), currency) == amount

    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("19.99", "USD", 1999),
            ("19.9", "USD", 1990),
            ("500", "JPY", 500),
            ("1.234", "KWD", 1234),
        ],
    )
    def test_reads_a_decimal_exactly(self, text: str, currency: str, minor: int) -> None:
        assert PaymentAmountVO.parse(text, currency).amount_minor == minor

    @pytest.mark.parametrize(
        "text",
        [
            "10.005",
            "-1",
            "-0.01",
            "NaN",
            "Infinity",
            "1e999999",
            "1e-999999",
            "",
            " 1",
            "1,5",
            "0x1",
            "9" * 50,
            "10000000000000.00",
            "1_000",
            "\u0967.\u0966",
            "1e2",
            ".5",
            "5.",
        ],
    )
    def test_refuses_what_is_no_amount_of_dollars(self, text: str) -> None:
        with pytest.raises(InvalidAmountError):
            PaymentAmountVO.parse(text, "USD")

    @pytest.mark.parametrize("text", ["0", "0.00"])
    def test_nobody_pays_nothing(self, text: str) -> None:
        with pytest.raises(InvalidAmountError):
            PaymentAmountVO.parse_positive(text, "USD")

    @pytest.mark.parametrize("currency", ["usd", "US", "XXX", "", "ABC", "USD "])
    def test_refuses_what_is_no_currency(self, currency: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            PaymentAmountVO.parse("1", currency)
        assert refusal.value.param == "currency"

    def test_currencies_do_not_mix(self) -> None:
        with pytest.raises(InvalidValue):
            PaymentAmountVO(1, "USD") + PaymentAmountVO(1, "EUR")


class TestPaymentDetails:
    def line(self, quantity: int = 2, price: int = 5_00) -> PaymentDetailVO:
        return PaymentDetailVO(
            quantity=quantity, description="Coffee", price=PaymentAmountVO(price, "USD")
        )

    def test_lines_that_add_up(self) -> None:
        assert PaymentDetailsVO((self.line(),), PaymentAmountVO(10_00, "USD")).lines

    @pytest.mark.parametrize("minor", [9_99, 10_01, 5_00])
    def test_lines_that_do_not_add_up(self, minor: int) -> None:
        with pytest.raises(DetailsDoNotAddUp):
            PaymentDetailsVO((self.line(),), PaymentAmountVO(minor, "USD"))

    @pytest.mark.parametrize(("quantity", "price"), [(0, 1), (-1, 1), (1, 0), (1_000_001, 1)])
    def test_quantity_and_price_are_positive(self, quantity: int, price: int) -> None:
        with pytest.raises(InvalidValue):
            self.line(quantity, price)

    def test_no_lines(self) -> None:
        with pytest.raises(InvalidValue):
            PaymentDetailsVO((), PaymentAmountVO(0, "USD"))

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://shop.example",
            "javascript:alert(1)",
            "//shop.example",
            "https://",
            "/path",
            "https://user:pw@shop.example",
            "https://shop.example/ x",
            "https://shop.example\\@evil.example",
            "https://shop.example:99999999",
            "https://[::1",
        ],
    )
    def test_addresses_a_browser_should_not_be_sent_to(self, url: str) -> None:
        with pytest.raises(InvalidValue):
            check_web_address(url, param="returnUrl")


class TestNames:
    @given(st.integers(0, 10**40 - 1), st.integers(1, 99))
    def test_an_attempt_leads_back_to_its_payment(self, digits: int, attempt: int) -> None:
        number = ExternalReferenceNumberVO(f"ERN-{digits}")
        assert ExternalReferenceNumberVO.of_attempt(number.for_attempt(attempt)) == number

    @pytest.mark.parametrize(
        "text", ["", "ERN-", "ERN-1a", "ern-1", "ERN-1\n", f"ERN-{'1' * 41}", "ERN-१"]
    )
    def test_other_forms_are_no_numbers(self, text: str) -> None:
        with pytest.raises(InvalidValue):
            ExternalReferenceNumberVO(text)

    def test_one_number_is_one_payment_for_ever(self) -> None:
        number = ExternalReferenceNumberVO("ERN-20260101")
        assert PaymentIdVO.of(number).value == "745650a1-a52c-5934-b24f-65412fa991ab"

    @pytest.mark.parametrize("text", ["", "x", "6C0A33A7-7F0C-5A6F-A4A9-6A6A0C8FB1B5", "{}"])
    def test_other_forms_are_no_payment_ids(self, text: str) -> None:
        with pytest.raises(InvalidValue):
            PaymentIdVO(text)

    @pytest.mark.parametrize("text", ["", "-a", "A", "a" * 64, "a b", "a\n", "*"])
    def test_other_forms_are_no_tenants(self, text: str) -> None:
        with pytest.raises(InvalidValue):
            TenantIdVO(text)

    @pytest.mark.parametrize("text", ["", "paypal", "PAY PAL", "1PAY", "P" * 33])
    def test_other_forms_are_no_provider_types(self, text: str) -> None:
        with pytest.raises(InvalidValue):
            ProviderTypeVO(text)


class TestSecrets:
    SECRET = "planted-secret"

    def test_a_secret_shows_itself_to_nobody(self) -> None:
        secret = SecretText(self.SECRET)
        paypal = PayPalCredentialsVO(
            client_id="id", client_secret=secret, webhook_id="w", sandbox=True
        )
        pagadito = PagaditoCredentialsVO(uid="u", wsk=secret, sandbox=True)
        for thing in (secret, paypal, pagadito, [secret]):
            assert self.SECRET not in f"{thing} {thing!r} {thing!s}"
        assert secret.reveal() == self.SECRET

    def test_a_secret_is_not_written_anywhere(self) -> None:
        with pytest.raises(TypeError):
            pickle.dumps(SecretText(self.SECRET))
        with pytest.raises(TypeError):
            copy.copy(SecretText(self.SECRET))

    @pytest.mark.parametrize("bad", ["", "a b", "a\nb", "x" * 257, "ü"])
    def test_what_no_secret_looks_like_is_refused_without_being_repeated(self, bad: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            PagaditoCredentialsVO(uid="u", wsk=SecretText(bad), sandbox=True)
        assert str(refusal.value) == "wsk must be 1 to 256 printable characters without spaces"

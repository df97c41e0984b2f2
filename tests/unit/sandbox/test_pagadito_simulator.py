"""The simulated Pagadito: sessions, charges, the payer's page, statuses."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.providers.faults import ConnectionDropped
from sandbox.providers.pagadito.rules import PagaditoRules
from tests.unit.sandbox.pagadito_merchant import (
    CONNECT,
    GET_EXCHANGE_RATE,
    GET_STATUS,
    LINE,
    UID,
    WSK,
    PagaditoMerchant,
    pagadito_merchant,
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PagaditoMerchant]:
    async with pagadito_merchant(tmp_path) as merchant:
        yield merchant


class TestConnect:
    async def test_a_session_token_has_32_hexadecimal_digits(self, shop: PagaditoMerchant) -> None:
        answer = await shop.call(CONNECT, uid=UID, wsk=WSK)
        assert answer.keys() == {"code", "message", "value", "datetime"}
        assert len(bytes.fromhex(answer["value"])) == 16

    async def test_both_addresses_answer(self, shop: PagaditoMerchant) -> None:
        form = {"operation": CONNECT, "uid": UID, "wsk": WSK, "format_return": "json"}
        answer = await shop.http.post("/apipg/charges.php", data=form)
        assert answer.json()["code"] == "PG1001"

    async def test_who_is_refused(self, shop: PagaditoMerchant) -> None:
        assert (await shop.call(CONNECT, uid=UID))["code"] == "PG2001"
        assert (await shop.call(CONNECT, uid=UID, wsk="c" * 32))["code"] == "PG3001"
        assert (await shop.call(CONNECT, uid="d" * 32, wsk=WSK))["code"] == "PG3001"
        assert (await shop.call("0" * 32))["code"] == "PG2001"
        await shop.register(enabled=False)
        refused = await shop.call(CONNECT, uid=UID, wsk=WSK)
        assert (refused["code"], refused["value"]) == ("PG3005", None)

    async def test_the_accent_of_the_message(self, shop: PagaditoMerchant) -> None:
        answer = await shop.call(CONNECT, uid=UID, wsk="c" * 32)
        assert answer["message"] == "Connection couldn\u00b4t be established"

    async def test_times_are_salvadoran_and_carry_no_offset(self, tmp_path: Path) -> None:
        async with pagadito_merchant(tmp_path, PagaditoRules(utc_offset_h=0)) as utc:
            now = (await utc.http.get("/_control/clock")).json()["now"]
            told = (await utc.call(CONNECT, uid=UID, wsk=WSK))["datetime"]
            assert told[:13] in {now[:13].replace("T", " "), told[:13]}
            assert len(told) == len("2024-01-15 10:00:00")


class TestSession:
    async def test_a_charge_uses_it_up(self, shop: PagaditoMerchant) -> None:
        token, registered = await shop.charge()
        assert registered["code"] == "PG1002"
        _, again = await shop.charge(token=token, ern="ERN-2")
        assert again["code"] == "PG3007"
        assert (await shop.call(GET_STATUS, token=token, token_trans=token))["code"] == "PG3007"

    async def test_a_refused_charge_does_not_use_it_up(self, shop: PagaditoMerchant) -> None:
        token, refused = await shop.charge(amount="15.51")
        assert refused["code"] == "PG3004"
        assert (await shop.charge(token=token))[1]["code"] == "PG1002"

    async def test_a_rate_does_not_use_it_up(self, shop: PagaditoMerchant) -> None:
        token = await shop.connect()
        rate = await shop.call(GET_EXCHANGE_RATE, token=token, currency="GTQ")
        assert (rate["code"], rate["value"]) == ("PG1004", 7.7)
        unknown = await shop.call(GET_EXCHANGE_RATE, token=token, currency="EUR")
        assert unknown["code"] == "PG3008"
        assert (await shop.charge(token=token))[1]["code"] == "PG1002"

    async def test_it_ends_after_ten_minutes(self, shop: PagaditoMerchant) -> None:
        token = await shop.connect()
        await shop.advance_clock(600)
        assert (await shop.charge(token=token))[1]["code"] == "PG3007"

    async def test_a_connection_switched_off_ends_it(self, shop: PagaditoMerchant) -> None:
        token = await shop.connect()
        await shop.register(enabled=False)
        assert (await shop.charge(token=token))[1]["code"] == "PG3005"


class TestCharge:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"ern": ""}, "PG2001"),
            ({"amount": ""}, "PG2001"),
            ({"format_return": "php"}, "PG2002"),
            ({"details": "not json"}, "PG2002"),
            ({"details": "[]"}, "PG2002"),
            ({"lines": {"quantity": 1}}, "PG2002"),
            ({"lines": [LINE | {"price": "cheap"}]}, "PG2002"),
            ({"lines": [LINE | {"price": 7.755}]}, "PG2002"),
            ({"lines": [LINE | {"quantity": 0}]}, "PG2002"),
            ({"lines": [LINE | {"description": None}]}, "PG2002"),
            ({"amount": "fifteen"}, "PG2002"),
            ({"ern": "x" * 101}, "PG2002"),
            ({"lines": [LINE | {"description": "<script>"}]}, "PG3025"),
            ({"custom_params": '{"param6":"x"}'}, "PG2003"),
            ({"custom_params": '{"param1":1}'}, "PG2003"),
            ({"currency": "EUR"}, "PG3008"),
            ({"amount": "15.49"}, "PG3004"),
            ({"amount": "0.50", "lines": [LINE | {"price": "0.25"}]}, "PG3009"),
            ({"amount": "20000", "lines": [LINE | {"price": 10000}]}, "PG3006"),
        ],
    )
    async def test_refused(
        self, shop: PagaditoMerchant, changes: dict[str, Any], code: str
    ) -> None:
        _, answer = await shop.charge(**changes)
        assert (answer["code"], answer["value"]) == (code, None)
        assert await shop.books() == []

    async def test_a_discount_is_a_line_with_a_negative_price(self, shop: PagaditoMerchant) -> None:
        discount = {"quantity": "1", "description": "Discount", "price": "-0.50"}
        _, answer = await shop.charge(lines=[LINE, discount], amount="15.00")
        assert answer["code"] == "PG1002"

    async def test_limits_follow_the_exchange_rate(self, shop: PagaditoMerchant) -> None:
        lines = [LINE | {"quantity": 1, "price": "7.69"}]
        _, low = await shop.charge(currency="GTQ", lines=lines, amount="7.69")
        assert low["code"] == "PG3009"
        lines = [LINE | {"quantity": 1, "price": "7.70"}]
        _, least = await shop.charge(currency="GTQ", lines=lines, amount="7.70")
        assert least["code"] == "PG1002"

    async def test_a_reference_number_is_used_once_for_ever(self, shop: PagaditoMerchant) -> None:
        assert (await shop.charge())[1]["code"] == "PG1002"
        await shop.advance_clock(24 * 3600)
        assert (await shop.charge())[1]["code"] == "PG3018"

    async def test_of_many_at_once_one_is_registered(self, shop: PagaditoMerchant) -> None:
        answers = await asyncio.gather(*(shop.charge() for _ in range(5)))
        codes = sorted(answer["code"] for _, answer in answers)
        assert codes == ["PG1002", *["PG3018"] * 4]

    async def test_an_encoded_address(self, tmp_path: Path) -> None:
        async with pagadito_merchant(tmp_path, PagaditoRules(checkout_url_encoded=True)) as shop:
            _, answer = await shop.charge()
            assert answer["value"].startswith("http%3A%2F%2F")

    async def test_what_is_on_the_books(self, shop: PagaditoMerchant) -> None:
        token, _ = await shop.charge(custom_params='{"param1":"p1"}', allow_pending_payments="true")
        [entry] = await shop.books()
        assert entry["token"] == token
        assert (entry["amount"], entry["currency"], entry["ern"]) == ("15.50", "USD", "ERN-1")
        assert (entry["customParams"], entry["allowPendingPayments"]) == ({"param1": "p1"}, True)


class TestPayer:
    @pytest.mark.parametrize(
        ("action", "status"),
        [("pay", "COMPLETED"), ("decline", "FAILED"), ("return", "CANCELED"), ("hold", "FAILED")],
    )
    async def test_comes_back_without_a_word_about_the_outcome(
        self, shop: PagaditoMerchant, action: str, status: str
    ) -> None:
        token, _ = await shop.charge(ern="ERN 1")
        assert (await shop.status(token))["status"] == "REGISTERED"
        answer = await shop.act(token, action)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"https://shop.test/back?token={token}&ern=ERN%201"
        shown = await shop.status(token)
        assert shown["status"] == status
        assert bool(shown["reference"]) == (status == "COMPLETED")

    @pytest.mark.parametrize("status", ["COMPLETED", "REVOKED"])
    async def test_a_held_payment_is_decided_later(
        self, shop: PagaditoMerchant, status: str
    ) -> None:
        token, _ = await shop.charge(allow_pending_payments="true")
        await shop.act(token, "hold")
        assert (await shop.status(token))["status"] == "VERIFYING"
        path = f"/_control/transactions/{token}/settle"
        assert (await shop.http.post(path, json={"status": status})).status_code == 200
        assert (await shop.status(token))["status"] == status
        assert (await shop.http.post(path, json={"status": status})).status_code == 404

    async def test_a_final_status_stays(self, shop: PagaditoMerchant) -> None:
        token, _ = await shop.charge()
        await shop.act(token, "return")
        assert (await shop.act(token, "pay")).status_code == 303
        assert (await shop.status(token))["status"] == "CANCELED"

    async def test_a_failed_charge_can_be_paid_again_where_the_rules_say_so(
        self, tmp_path: Path
    ) -> None:
        async with pagadito_merchant(
            tmp_path, PagaditoRules(failed_can_be_paid_again=True)
        ) as shop:
            token, _ = await shop.charge()
            await shop.act(token, "decline")
            await shop.act(token, "pay")
            assert (await shop.status(token))["status"] == "COMPLETED"

    async def test_the_page_shows_the_charge_and_escapes_it(self, shop: PagaditoMerchant) -> None:
        token, answer = await shop.charge(lines=[LINE | {"description": 'Tea & "co"'}])
        shown = await shop.http.get(answer["value"])
        assert shown.status_code == 200
        assert "15.50 USD" in shown.text
        assert "Tea &amp; &#34;co&#34;" in shown.text
        await shop.act(token, "pay")
        assert "This payment is COMPLETED" in (await shop.http.get(answer["value"])).text

    async def test_a_wrong_address(self, shop: PagaditoMerchant) -> None:
        _, answer = await shop.charge()
        wrong = answer["value"].rpartition("=")[0] + "=1"
        assert (await shop.http.get(wrong)).status_code == 404
        assert (await shop.act("0" * 32, "pay")).status_code == 404
        assert (await shop.act("0" * 32, "steal")).status_code == 400

    async def test_without_a_return_url_the_page_says_the_outcome(
        self, shop: PagaditoMerchant
    ) -> None:
        await shop.register(returnUrlTemplate=None)
        token, _ = await shop.charge()
        assert "This payment is COMPLETED" in (await shop.act(token, "pay")).text


class TestExpiry:
    async def test_after_ten_minutes(self, shop: PagaditoMerchant) -> None:
        token, answer = await shop.charge()
        await shop.advance_clock(599)
        assert (await shop.status(token))["status"] == "REGISTERED"
        await shop.advance_clock(1)
        assert (await shop.status(token))["status"] == "EXPIRED"
        await shop.act(token, "pay")
        assert (await shop.status(token))["status"] == "EXPIRED"
        assert [entry["status"] for entry in await shop.books()] == ["EXPIRED"]
        assert "This payment is EXPIRED" in (await shop.http.get(answer["value"])).text

    async def test_the_notice_may_lag_but_the_page_does_not(self, tmp_path: Path) -> None:
        async with pagadito_merchant(tmp_path, PagaditoRules(expiry_lag_s=60)) as shop:
            token, _ = await shop.charge()
            await shop.advance_clock(600)
            await shop.act(token, "pay")
            assert (await shop.status(token))["status"] == "REGISTERED"
            await shop.advance_clock(60)
            assert (await shop.status(token))["status"] == "EXPIRED"

    async def test_an_extended_window(self, shop: PagaditoMerchant) -> None:
        token, _ = await shop.charge(extended_expiration="true")
        await shop.advance_clock(600)
        assert (await shop.status(token))["status"] == "REGISTERED"


class TestStatus:
    async def test_of_nothing_and_of_another_merchants_charge(self, shop: PagaditoMerchant) -> None:
        token, _ = await shop.charge()
        session = await shop.connect()
        unknown = await shop.call(GET_STATUS, token=session, token_trans="0" * 32)
        assert unknown["code"] == "PG3003"
        await shop.register(uid="d" * 32)
        stranger = (await shop.call(CONNECT, uid="d" * 32, wsk=WSK))["value"]
        answer = await shop.call(GET_STATUS, token=stranger, token_trans=token)
        assert answer["code"] == "PG3017"

    async def test_may_tell_the_amount(self, tmp_path: Path) -> None:
        async with pagadito_merchant(tmp_path, PagaditoRules(status_shows_amount=True)) as shop:
            token, _ = await shop.charge()
            shown = await shop.status(token)
            assert (shown["amount"], shown["currency"]) == ("15.50", "USD")


class TestFaults:
    async def test_a_lost_answer_leaves_a_charge_to_find(self, shop: PagaditoMerchant) -> None:
        script = {"operation": "exec_trans", "kind": "drop_after"}
        await shop.http.post("/_control/faults", json=script)
        token = await shop.connect()
        with pytest.raises(ConnectionDropped):
            await shop.charge(token=token)
        assert (await shop.status(token))["status"] == "REGISTERED"

    async def test_an_error_of_their_own(self, shop: PagaditoMerchant) -> None:
        script = {"operation": "get_status", "kind": "refuse", "code": "PG3002"}
        await shop.http.post("/_control/faults", json=script)
        token, _ = await shop.charge()
        session = await shop.connect()
        answer = await shop.call(GET_STATUS, token=session, token_trans=token)
        assert answer["code"] == "PG3002"
        assert (await shop.status(token))["status"] == "REGISTERED"


class TestConnectRest:
    async def post(
        self, shop: PagaditoMerchant, path: str, body: Any, wsk: str = WSK
    ) -> httpx.Response:
        return await shop.http.post(f"/api/v2/{path}", json=body, auth=(UID, wsk))

    async def test_a_charge_and_its_status(self, shop: PagaditoMerchant) -> None:
        body = {"ern": "E", "amount": 15.50, "currency": "USD", "details": [LINE]}
        answer = (await self.post(shop, "exec-trans", body)).json()
        assert answer["code"] == "PG1002"
        token = answer["data"]["token"]
        assert token in answer["data"]["url"]
        await shop.act(token, "pay")
        status = (await self.post(shop, "get-status", {"token": token})).json()
        assert (status["code"], status["data"]["status"]) == ("PG1003", "COMPLETED")
        repeated = (await self.post(shop, "exec-trans", body)).json()
        assert (repeated["code"], repeated["data"]) == ("PG3018", None)

    async def test_a_scripted_refusal_has_its_form(self, shop: PagaditoMerchant) -> None:
        script = {"operation": "get_status", "kind": "refuse", "code": "PG3002"}
        await shop.http.post("/_control/faults", json=script)
        answer = (await self.post(shop, "get-status", {"token": "x"})).json()
        assert (answer["code"], answer["data"]) == ("PG3002", None)

    async def test_refused(self, shop: PagaditoMerchant) -> None:
        stranger = await self.post(shop, "get-status", {"token": "x"}, wsk="c" * 32)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "PG3001")
        assert (await self.post(shop, "exec-trans", {"ern": "E"})).json()["code"] == "PG2001"
        assert (await self.post(shop, "exec-trans", [])).json()["code"] == "PG2002"
        abroad = {"token": "x", "country_code": "FR"}
        assert (await self.post(shop, "get-status", abroad)).json()["code"] == "PG2002"


@pytest.mark.parametrize("limits", [{"min": "0"}, {"max": "-1"}, {"rates": {"USD": "0"}}])
async def test_impossible_limits_are_refused(
    shop: PagaditoMerchant, limits: dict[str, Any]
) -> None:
    body = {"uid": UID, "wsk": WSK} | limits
    assert (await shop.http.post("/_control/merchants", json=body)).status_code == 422

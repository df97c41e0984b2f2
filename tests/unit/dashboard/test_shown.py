"""A form leads back once its page can show what was done, though reactors list it later than it happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from payment_gateway.dashboard import shown
from payment_gateway.dashboard.app import add_dashboard
from payment_gateway.dashboard.session import SESSION_COOKIE, Cookies
from payment_gateway.dashboard.visitor import Doors
from payment_gateway.presentation.rest.access import AccessRefused, Caller

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
DELIVERY = "0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f"
LETTER = "webhook-paypal.WH-1"
# How often what is listed is still as it was, after something was done.
BEHIND = 3

Row = dict[str, Any]
PARKED: Row = {"id": DELIVERY, "status": "PARKED", "attempts": 9, "lastAttempt": {"attempt": 9}}
SENT_AGAIN: Row = {**PARKED, "attempts": 10, "lastAttempt": {"attempt": 10}}
LISTED: Row = {"id": LETTER, "kind": "notification", "parkedAt": "2026-03-04T10:00:00+00:00"}


class PlainSealer:
    """Seals nothing: whose cookie it is, is no matter here."""

    def wrap(self, secret: bytes, _: bytes) -> bytes:
        return secret

    def unwrap(self, sealed: bytes, _: bytes) -> bytes:
        return sealed


class Listing:
    """What a reactor lists: as it was before, ``behind`` looks after it was changed."""

    def __init__(self, before: Any, after: Any, *, behind: int = BEHIND) -> None:
        self.before, self.after, self.behind = before, after, behind
        self.is_done = False
        self.looks = 0

    def look(self) -> Any:
        if not self.is_done:
            return self.before
        self.looks += 1
        return self.after if self.looks > self.behind else self.before


class Api:
    """Routes of the REST interface, over one listing."""

    def __init__(self) -> None:
        self.delivery = Listing(PARKED, SENT_AGAIN)
        self.letters = Listing([LISTED], [])
        self.app = FastAPI()
        add_dashboard(self.app)
        self.cookies = Cookies(PlainSealer())
        self.app.state.dashboard = Doors(
            cookies=self.cookies,
            authenticate=self._authenticate,
            log_ins={},
            refusal=self._refusal,
            now=lambda: NOW,
            is_secure=False,
        )
        at = "/api/v1/webhook-deliveries/{_}"
        self._route("GET", at, self.delivery.look)
        self._route("POST", f"{at}/resend", lambda: self._done(self.delivery, self.delivery.before))
        self._route("GET", "/api/v1/deadletters", lambda: {"data": self.letters.look()})
        for step in ("replay", "discard"):
            self._route(
                "POST",
                f"/api/v1/deadletters/{{_}}/{step}",
                lambda: self._done(self.letters, {"id": LETTER, "events": 1}),
            )

    def _route(self, method: str, path: str, answer: Callable[[], Any]) -> None:
        self.app.add_api_route(path, answer, methods=[method])

    @staticmethod
    def _done(listing: Listing, answer: Row) -> Row:
        listing.is_done = True
        return answer

    async def _authenticate(self, key: str, client: str | None) -> Caller:
        return Caller(actor=f"apikey:{key}", tenant_id="*", roles=frozenset({"admin", "operator"}))

    async def _refusal(self, reason: str, client: str) -> AccessRefused:
        return AccessRefused()

    async def send(self, path: str, **form: str) -> httpx.Response:
        """Send a form as somebody who is logged in."""
        session = self.cookies.new_session("gw_test_1", NOW)
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            client.cookies.set(SESSION_COOKIE, self.cookies.seal(session))
            data = {"csrf": session.csrf, "idempotencyKey": "once", **form}
            return await client.post(f"/dashboard{path}", data=data)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(shown, "LOOK_EVERY_S", 0.0)
    return Api()


async def test_a_delivery_that_is_sent_again_is_led_to_once_it_says_so(api: Api) -> None:
    answer = await api.send(f"/deliveries/{DELIVERY}/resend")

    assert answer.headers["Location"] == f"/dashboard/deliveries/{DELIVERY}"
    assert api.delivery.looks == BEHIND + 1


async def test_a_delivery_on_its_way_is_not_waited_for_since_nothing_was_done(api: Api) -> None:
    api.delivery.before = {**PARKED, "status": "SCHEDULED"}

    answer = await api.send(f"/deliveries/{DELIVERY}/resend")

    assert answer.status_code == 303
    assert api.delivery.looks == 0


@pytest.mark.parametrize("step", ["replay", "discard"])
async def test_the_dead_letters_are_led_to_once_they_tell_of_a_step(api: Api, step: str) -> None:
    answer = await api.send(f"/dead-letters/{LETTER}/{step}", reason="a test of ours")

    assert answer.headers["Location"] == "/dashboard/dead-letters"
    assert api.letters.looks == BEHIND + 1


async def test_a_letter_that_is_parked_anew_has_been_handled(api: Api) -> None:
    api.letters.after = [{**LISTED, "parkedAt": "2026-03-04T10:30:00+00:00"}]

    await api.send(f"/dead-letters/{LETTER}/replay")

    assert api.letters.looks == BEHIND + 1


async def test_what_never_shows_is_waited_for_no_longer_than_the_limit(api: Api) -> None:
    api.letters.behind = 10 * shown.LOOKS_MAX

    answer = await api.send(f"/dead-letters/{LETTER}/replay")

    assert answer.headers["Location"] == "/dashboard/dead-letters"
    assert api.letters.looks == shown.LOOKS_MAX

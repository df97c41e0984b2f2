"""Logging in at an OIDC issuer on a real socket: what lets somebody in, and all that does not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import ValidationError

from payment_gateway.dashboard.app import add_dashboard
from payment_gateway.dashboard.session import (
    LOG_IN_COOKIE,
    LOG_IN_LASTS,
    SESSION_COOKIE,
    Cookies,
    Session,
)
from payment_gateway.dashboard.visitor import LEADS_BACK_TO, OIDC, Doors
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.infrastructure.security.oidc_keys import IssuerKeys, open_issuer_client
from payment_gateway.infrastructure.security.oidc_log_in import FETCH_EVERY_S, OidcLogIn
from payment_gateway.infrastructure.security.oidc_tokens import OidcTokens, TokenRefused
from payment_gateway.presentation.rest.access import AccessRefused, Caller
from payment_gateway.presentation.rest.request_context import RequestContext
from payment_gateway.setting_types import OidcIssuer
from payment_gateway.settings import Settings
from tests.oidc_issuer import AUDIENCE, Issuer, running_issuer
from tests.oidc_issuer_log_in import CLIENT_ID, CLIENT_SECRET

HOST: Final = "https://pay.example"
CALLBACK: Final = f"{HOST}{LEADS_BACK_TO}"


@pytest.fixture
def issuer() -> Generator[Issuer, None, None]:
    with running_issuer() as running:
        yield running


@dataclass
class Gateway:
    """The log-in of a gateway, and one browser in front of it.

    Attributes:
        refusals: Why somebody was not let in, as its log has it.
        later: By how much its clocks are ahead of ours.
    """

    issuer: Issuer
    browser: httpx.AsyncClient
    cookies: Cookies
    refusals: list[str] = field(default_factory=list)
    later: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def seconds(self) -> float:
        return self.now().timestamp()

    async def begin(self) -> httpx.Response:
        return await self.browser.get(OIDC, params={"issuer": self.issuer.url})

    async def asked(self) -> dict[str, str]:
        """Begin; return what the issuer is asked."""
        answer = await self.begin()
        assert answer.status_code == 303, answer.text
        address = urlsplit(answer.headers["Location"])
        assert address._replace(query="").geturl() == f"{self.issuer.url}/authorize"
        return {name: value[0] for name, value in parse_qs(address.query).items()}

    async def decided(self, how: str = "approve") -> str:
        """Begin, and decide at the issuer; return the address that it leads back to."""
        return self.issuer.desk.decide(f"/authorize/{how}", await self.asked())

    async def log_in(self) -> httpx.Response:
        return await self.browser.get(await self.decided())

    def session(self) -> Session | None:
        return self.cookies.open(self.browser.cookies.get(SESSION_COOKIE), Session, self.now())


@asynccontextmanager
async def gateway_of(
    issuer: Issuer, *, audience: str = AUDIENCE, secret: str | None = CLIENT_SECRET
) -> AsyncGenerator[Gateway, None]:
    trusted = OidcIssuer.model_validate(
        {
            "issuer": issuer.url,
            "audience": audience,
            "client_id": CLIENT_ID,
            "client_secret": secret,
            "name": "The shop",
        }
    )
    app = FastAPI()
    add_dashboard(app)
    cookies = Cookies(MasterKey(bytes(32)))
    async with (
        open_issuer_client(Settings()) as speaks,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as browser,
    ):
        gateway = Gateway(issuer, browser, cookies)
        tokens = OidcTokens([(trusted, IssuerKeys(trusted, speaks))])

        async def authenticate(key: str, client: str | None) -> Caller:
            try:
                holder = await tokens.verify(key)
            except TokenRefused as error:
                raise AccessRefused from error
            grant = holder.grant
            return Caller(
                actor=holder.subject, tenant_id=grant.tenant_id, roles=frozenset(grant.roles)
            )

        async def refusal(reason: str, _: str) -> AccessRefused:
            gateway.refusals.append(reason)
            return AccessRefused()

        app.add_middleware(RequestContext, authenticate=authenticate)
        log_in = OidcLogIn(
            trusted,
            speaks,
            tokens=tokens,
            leads_back_to=CALLBACK,
            monotonic=gateway.seconds,
        )
        app.state.dashboard = Doors(
            cookies=cookies,
            authenticate=authenticate,
            log_ins={trusted.issuer: log_in},
            refusal=refusal,
            now=gateway.now,
            is_secure=True,
        )
        yield gateway


class TestWhoIsLetIn:
    async def test_whoever_the_issuer_lets_in_has_a_session_that_ends_with_the_token(
        self, issuer: Issuer
    ) -> None:
        async with gateway_of(issuer) as gateway:
            answer = await gateway.log_in()
            assert answer.status_code == 200, answer.text
            session = gateway.session()
            assert session is not None
            assert session.ends_at <= gateway.now() + timedelta(minutes=5)
            assert gateway.browser.cookies.get(LOG_IN_COOKIE) is None

    async def test_a_long_token_does_not_make_a_session_longer_than_others(
        self, issuer: Issuer
    ) -> None:
        in_a_month = datetime.now(UTC) + timedelta(days=30)
        issuer.desk.access["exp"] = issuer.desk.identity["exp"] = in_a_month
        async with gateway_of(issuer) as gateway:
            await gateway.log_in()
            session = gateway.session()
            assert session is not None
            assert session.ends_at <= gateway.now() + timedelta(hours=12)

    async def test_a_session_whose_token_has_ended_leads_to_the_log_in(
        self, issuer: Issuer
    ) -> None:
        ended = issuer.token(exp=datetime(2020, 1, 1, tzinfo=UTC))
        async with gateway_of(issuer) as gateway:
            for token, leads_to in ((issuer.token(), "/dashboard"), (ended, "/dashboard/login")):
                sealed = gateway.cookies.seal(gateway.cookies.new_session(token, gateway.now()))
                headers = {"Cookie": f"{SESSION_COOKIE}={sealed}"}
                answer = await gateway.browser.post(
                    "/dashboard/logout", data={"csrf": "x"}, headers=headers
                )
                assert answer.status_code == (403 if token != ended else 303)
                assert answer.headers.get("Location") in (None, leads_to)

    async def test_a_public_client_shows_its_proof_alone(self, issuer: Issuer) -> None:
        issuer.desk.secret = None
        async with gateway_of(issuer, secret=None) as gateway:
            assert (await gateway.log_in()).status_code == 200

    async def test_where_the_client_is_the_audience_the_id_token_is_what_counts(
        self, issuer: Issuer
    ) -> None:
        issuer.desk.identity["tenant"] = "demo"
        issuer.desk.access["aud"] = "something else"
        async with gateway_of(issuer, audience=CLIENT_ID) as gateway:
            assert (await gateway.log_in()).status_code == 200

    async def test_the_cookie_of_a_log_in_is_sealed_short_and_of_this_path_alone(
        self, issuer: Issuer
    ) -> None:
        async with gateway_of(issuer) as gateway:
            answer = await gateway.begin()
        cookie = answer.headers["Set-Cookie"]
        for part in (f"Path={OIDC}", "HttpOnly", "Secure", "SameSite=lax", "Max-Age=600"):
            assert part in cookie
        (state,) = parse_qs(urlsplit(answer.headers["Location"]).query)["state"]
        assert state not in cookie

    async def test_the_log_in_page_has_a_button_for_the_issuer(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            text = (await gateway.browser.get("/dashboard/login")).text
        assert "Log in with The shop" in text


class TestWhoIsNot:
    @pytest.mark.parametrize("state", ["", "forged", "\u00e9"])
    async def test_an_answer_with_a_forged_state(self, issuer: Issuer, state: str) -> None:
        async with gateway_of(issuer) as gateway:
            back = await gateway.decided()
            (code,) = parse_qs(urlsplit(back).query)["code"]
            answer = await gateway.browser.get(LEADS_BACK_TO, params={"code": code, "state": state})
            assert answer.status_code == 400
            assert "Begin it anew" in answer.text
            assert code in issuer.desk.codes, "the issuer was not even asked"
            assert (await gateway.browser.get(back)).status_code == 200, "the log-in itself goes on"

    async def test_an_answer_in_another_browser(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            back = await gateway.decided()
            gateway.browser.cookies.clear()
            assert (await gateway.browser.get(back)).status_code == 400
            assert gateway.session() is None

    async def test_an_answer_too_late(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            back = await gateway.decided()
            gateway.later = LOG_IN_LASTS
            assert (await gateway.browser.get(back)).status_code == 400
            assert gateway.session() is None

    async def test_an_answer_again(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            back = await gateway.decided()
            kept = gateway.browser.cookies.get(LOG_IN_COOKIE)
            assert kept is not None
            await gateway.browser.get(back)
            gateway.browser.cookies.clear()
            assert (await gateway.browser.get(back)).status_code == 400
            headers = {"Cookie": f"{LOG_IN_COOKIE}={kept}"}
            again = await gateway.browser.get(back, headers=headers)
            assert again.status_code == 403
            assert gateway.refusals == ["the issuer says invalid_grant"]
            assert gateway.session() is None

    @pytest.mark.parametrize(
        ("identity", "access", "reason"),
        [
            ({"nonce": "of another log-in"}, {}, "an ID token of another log-in"),
            ({"nonce": None}, {}, "an ID token of no log-in"),
            ({"aud": "another client"}, {}, "InvalidAudienceError"),
            ({"azp": "another client"}, {}, "an ID token for another client"),
            ({"sub": "user-18"}, {}, "an access token of somebody else"),
            ({"iss": "http://127.0.0.1:1"}, {}, "not of a trusted issuer"),
            ({"exp": datetime(2020, 1, 1, tzinfo=UTC)}, {}, "ExpiredSignatureError"),
            ({}, {"aud": "another service"}, "InvalidAudienceError"),
            ({}, {"roles": []}, "at least one role"),
        ],
        ids=str,
    )
    async def test_tokens_that_are_not_for_us(
        self,
        issuer: Issuer,
        identity: dict[str, object],
        access: dict[str, object],
        reason: str,
    ) -> None:
        issuer.desk.identity.update(identity)
        issuer.desk.access.update(access)
        async with gateway_of(issuer) as gateway:
            answer = await gateway.log_in()
            assert (answer.status_code, gateway.refusals) == (403, [reason])
            assert "finds the reason in its log, request" in answer.text
            assert gateway.session() is None

    async def test_whoever_calls_it_off(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            answer = await gateway.browser.get(await gateway.decided("cancel"))
            assert answer.status_code == 403
            assert "it was called off at The shop" in answer.text
            assert gateway.browser.cookies.get(LOG_IN_COOKIE) is None

    async def test_an_answer_that_names_another_issuer(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            back = f"{await gateway.decided()}&iss=https%3A%2F%2Fevil.example"
            assert (await gateway.browser.get(back)).status_code == 403
            assert gateway.refusals == ["an answer of another issuer"]

    async def test_a_gateway_that_the_issuer_does_not_know(self, issuer: Issuer) -> None:
        async with gateway_of(issuer, secret="wrong") as gateway:
            await gateway.log_in()
            assert gateway.refusals == ["the issuer says invalid_client"]

    async def test_a_token_that_no_cookie_holds(self, issuer: Issuer) -> None:
        issuer.desk.access["groups"] = ["g" * 40] * 100
        async with gateway_of(issuer) as gateway:
            answer = await gateway.log_in()
            assert answer.status_code == 400
            assert "too long" in answer.text


class TestTrouble:
    async def test_an_issuer_that_is_away_is_said_and_asked_again_later(
        self, issuer: Issuer
    ) -> None:
        issuer.discovery["issuer"] = "https://other.example"
        async with gateway_of(issuer) as gateway:
            answer = await gateway.begin()
            assert answer.status_code == 503
            assert "The shop gives no answer now" in answer.text
            issuer.discovery.clear()
            asked = len(issuer.asked)
            assert (await gateway.begin()).status_code == 503
            assert len(issuer.asked) == asked, "nobody makes us ask without end"
            gateway.later = timedelta(seconds=FETCH_EVERY_S)
            assert (await gateway.begin()).status_code == 303

    async def test_an_issuer_that_fails_to_take_the_code(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            issuer.desk.fails_with = 500
            assert (await gateway.log_in()).status_code == 503
            assert gateway.session() is None

    @pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "javascript:alert(1)", 7, None])
    async def test_a_log_in_that_is_no_address(self, issuer: Issuer, address: object) -> None:
        issuer.discovery["authorization_endpoint"] = address
        async with gateway_of(issuer) as gateway:
            assert (await gateway.begin()).status_code == 503

    async def test_an_issuer_that_is_none_of_ours_leads_nowhere(self, issuer: Issuer) -> None:
        async with gateway_of(issuer) as gateway:
            answer = await gateway.browser.get(OIDC, params={"issuer": "https://evil.example"})
            assert answer.status_code == 404
            assert "Location" not in answer.headers

    async def test_nothing_secret_is_logged_or_stands_in_an_address_of_ours(
        self, issuer: Issuer
    ) -> None:
        with structlog.testing.capture_logs() as logged:
            async with gateway_of(issuer) as gateway:
                asked = await gateway.asked()
                back = issuer.desk.decide("/authorize/approve", asked)
                answer = await gateway.browser.get(back)
                session = gateway.session()
        assert session is not None
        (code,) = parse_qs(urlsplit(back).query)["code"]
        for secret in (code, asked["state"], asked["nonce"], session.key, CLIENT_SECRET):
            assert secret not in str(logged)
        assert "Location" not in answer.headers
        assert session.key not in answer.text


class TestSettings:
    @pytest.mark.parametrize(
        "changes", [{"client_secret": "s"}, {"client_id": "c", "scope": "email"}, {"client_id": ""}]
    )
    def test_half_of_a_log_in_is_refused(self, changes: dict[str, str]) -> None:
        given = {"issuer": "https://login.example", "audience": "a", **changes}
        with pytest.raises(ValidationError):
            OidcIssuer.model_validate(given)

    def test_the_client_secret_is_not_shown(self) -> None:
        given = {"issuer": "https://login.example", "audience": "a", "client_id": "c"}
        trusted = OidcIssuer.model_validate({**given, "client_secret": "shown-once"})
        assert "shown-once" not in f"{Settings(oidc_issuers=(trusted,))} {(trusted,)}"

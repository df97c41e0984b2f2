"""Tokens of an OIDC issuer on a real socket: what opens something, and all that does not."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from payment_gateway.infrastructure.security.oidc_discovery import IssuerUnavailable
from payment_gateway.infrastructure.security.oidc_keys import (
    FETCH_EVERY_S,
    FRESH_S,
    STALE_S_MAX,
    IssuerKeys,
    open_issuer_client,
)
from payment_gateway.infrastructure.security.oidc_tokens import (
    LEEWAY_S,
    OidcTokens,
    TokenRefused,
    looks_like_a_token,
)
from payment_gateway.setting_types import OidcAlgorithm, OidcIssuer
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.oidc_issuer import AUDIENCE, Issuer, running_issuer


class Clock:
    """Seconds that only a test moves on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def issuer() -> Generator[Issuer, None, None]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def trusting(
    url: str,
    clock: Clock,
    *,
    algorithms: tuple[OidcAlgorithm, ...] = ("RS256",),
    roles_claim: str = "roles",
) -> AsyncGenerator[OidcTokens, None]:
    """Yield what trusts an issuer at an address."""
    trusted = OidcIssuer(
        issuer=url, audience=AUDIENCE, algorithms=algorithms, roles_claim=roles_claim
    )
    async with open_issuer_client(Settings()) as client:
        yield OidcTokens([(trusted, IssuerKeys(trusted, client, monotonic=clock))])


class TestWhatOpens:
    async def test_a_token_names_its_holder_tenant_and_roles(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        token = issuer.token()
        assert looks_like_a_token(token)
        async with trusting(issuer.url, clock) as tokens:
            holder = await tokens.verify(token)
        assert holder.issuer == issuer.url.removeprefix("http://")
        assert (holder.subject, holder.grant.tenant_id) == ("user-17", "acme")
        assert holder.grant.role_names == ("viewer",)

    async def test_audiences_may_be_several_and_roles_a_text(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        token = issuer.token(aud=["other", AUDIENCE], roles="viewer openid order-service")
        async with trusting(issuer.url, clock) as tokens:
            holder = await tokens.verify(token)
        assert holder.grant.role_names == ("order-service", "viewer")

    async def test_roles_may_be_inside_an_object(self, issuer: Issuer, clock: Clock) -> None:
        token = issuer.token(roles=None, realm_access={"roles": ["operator"]})
        async with trusting(issuer.url, clock, roles_claim="realm_access.roles") as tokens:
            assert (await tokens.verify(token)).grant.role_names == ("operator",)

    async def test_an_algorithm_that_is_configured(self, issuer: Issuer, clock: Clock) -> None:
        issuer.add_elliptic_key("curve")
        async with trusting(issuer.url, clock, algorithms=("ES256",)) as tokens:
            holder = await tokens.verify(issuer.token("curve", algorithm="ES256"))
            assert holder.subject == "user-17"
            with pytest.raises(TokenRefused, match="algorithm"):
                await tokens.verify(issuer.token())

    async def test_clocks_may_differ_a_little(self, issuer: Issuer, clock: Clock) -> None:
        now = datetime.now(UTC)
        just_over = issuer.token(exp=now - timedelta(seconds=LEEWAY_S - 10))
        async with trusting(issuer.url, clock) as tokens:
            assert (await tokens.verify(just_over)).subject == "user-17"
            with pytest.raises(TokenRefused, match="ExpiredSignatureError"):
                await tokens.verify(issuer.token(exp=now - timedelta(seconds=LEEWAY_S + 10)))


class TestWhatDoesNot:
    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "another-service"},
            {"aud": None},
            {"iss": "http://127.0.0.1:1"},
            {"iss": None},
            {"sub": None},
            {"sub": ""},
            {"sub": "a\nb"},
            {"sub": "x" * 256},
            {"exp": None},
            {"nbf": datetime(2999, 1, 1, tzinfo=UTC)},
            {"iat": datetime(2999, 1, 1, tzinfo=UTC)},
            {"tenant": None},
            {"tenant": "ACME"},
            {"tenant": ["acme"]},
            {"tenant": "*"},
            {"roles": None},
            {"roles": []},
            {"roles": ["root"]},
            {"roles": {"viewer": True}},
        ],
        ids=str,
    )
    async def test_claims_that_are_not_for_us(
        self, issuer: Issuer, clock: Clock, changes: dict[str, object]
    ) -> None:
        async with trusting(issuer.url, clock) as tokens:
            with pytest.raises(TokenRefused):
                await tokens.verify(issuer.token(claims=changes))

    async def test_one_signed_with_the_public_key_as_if_it_were_a_secret(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        """Algorithm confusion: HS256 over the RSA key that everybody can read."""
        public = issuer.private["key-1"].public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        body = issuer.token().split(".")[1]
        header = encoded({"alg": "HS256", "typ": "JWT", "kid": "key-1"})
        signing = f"{header}.{body}".encode()
        algorithm = jwt.get_algorithm_by_name("HS256")
        signature = base64.urlsafe_b64encode(algorithm.sign(signing, pem)).rstrip(b"=").decode()
        async with trusting(issuer.url, clock) as tokens:
            with pytest.raises(TokenRefused, match="algorithm"):
                await tokens.verify(f"{header}.{body}.{signature}")

    async def test_one_that_is_not_signed(self, issuer: Issuer, clock: Clock) -> None:
        body = issuer.token().split(".")[1]
        async with trusting(issuer.url, clock) as tokens:
            for name in ("none", "None", "NONE"):
                header = encoded({"alg": name, "typ": "JWT", "kid": "key-1"})
                with pytest.raises(TokenRefused):
                    await tokens.verify(f"{header}.{body}.")

    async def test_one_of_another_algorithm_of_the_same_key(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        async with trusting(issuer.url, clock) as tokens:
            for algorithm in ("RS512", "PS256"):
                with pytest.raises(TokenRefused, match="algorithm"):
                    await tokens.verify(issuer.token(algorithm=algorithm))

    async def test_a_listed_symmetric_key_is_no_key(self, issuer: Issuer, clock: Clock) -> None:
        secret = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
        issuer.listed["secret"] = {"kty": "oct", "k": secret, "kid": "secret"}
        issuer.private["secret"] = issuer.private["key-1"]
        async with trusting(issuer.url, clock) as tokens:
            with pytest.raises(TokenRefused, match="does not list"):
                await tokens.verify(issuer.token("secret"))

    async def test_changed_or_cut_or_too_long(self, issuer: Issuer, clock: Clock) -> None:
        header, body, signature = issuer.token().split(".")
        other = issuer.token(tenant="rival").split(".")[1]
        async with trusting(issuer.url, clock) as tokens:
            for text in (
                f"{header}.{other}.{signature}",
                f"{header}.{body}.",
                f"{header}.{body}.{signature[:-8]}AAAAAAAA",
                "ey.ey.ey",
                "..",
                issuer.token(note="x" * 9000),
            ):
                with pytest.raises(TokenRefused):
                    await tokens.verify(text)

    def test_symmetric_algorithms_and_clear_addresses_cannot_be_configured(self) -> None:
        for wrong in (
            {"issuer": "https://login.example", "algorithms": ["HS256"]},
            {"issuer": "https://login.example", "algorithms": ["none"]},
            {"issuer": "https://login.example", "algorithms": []},
            {"issuer": "http://login.example"},
            {"issuer": "https://login.example?x=1"},
        ):
            with pytest.raises(ValueError, match=r"algorithms|issuer"):
                OidcIssuer.model_validate({"audience": AUDIENCE, **wrong})


class TestKeys:
    async def test_are_fetched_once_for_many_tokens(self, issuer: Issuer, clock: Clock) -> None:
        async with trusting(issuer.url, clock) as tokens:
            for _ in range(20):
                await tokens.verify(issuer.token())
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]

    async def test_a_new_key_is_found_and_one_that_is_gone_opens_nothing(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        async with trusting(issuer.url, clock) as tokens:
            old = issuer.token()
            await tokens.verify(old)
            issuer.add_key("key-2")
            clock.now_s += FETCH_EVERY_S
            await tokens.verify(issuer.token("key-2"))
            del issuer.listed["key-1"]
            clock.now_s += FRESH_S
            await tokens.verify(issuer.token("key-2"))
            with pytest.raises(TokenRefused, match="does not list"):
                await tokens.verify(old)

    async def test_however_many_tokens_name_unknown_keys_the_issuer_is_asked_seldom(
        self, issuer: Issuer, clock: Clock
    ) -> None:
        issuer.add_key("unlisted", listed=False)
        async with trusting(issuer.url, clock) as tokens:
            await tokens.verify(issuer.token())
            for _ in range(50):
                with pytest.raises(TokenRefused, match="does not list"):
                    await tokens.verify(issuer.token("unlisted"))
            assert issuer.asked.count("/keys") == 1
            clock.now_s += FETCH_EVERY_S
            for _ in range(50):
                with pytest.raises(TokenRefused, match="does not list"):
                    await tokens.verify(issuer.token("unlisted"))
            assert issuer.asked.count("/keys") == 2

    async def test_that_were_never_had_are_no_reason_to_call_a_token_wrong(
        self, clock: Clock
    ) -> None:
        with running_issuer() as issuer:
            token = issuer.token()
        async with trusting(issuer.url, clock) as tokens:
            with pytest.raises(IssuerUnavailable):
                await tokens.verify(token)

    async def test_are_used_for_a_day_while_the_issuer_is_away(self, clock: Clock) -> None:
        with running_issuer() as issuer:
            context = trusting(issuer.url, clock)
            tokens = await context.__aenter__()
            token = issuer.token()
            await tokens.verify(token)
        try:
            clock.now_s += FRESH_S
            assert (await tokens.verify(token)).subject == "user-17"
            clock.now_s += STALE_S_MAX
            with pytest.raises(IssuerUnavailable):
                await tokens.verify(token)
        finally:
            await context.__aexit__(None, None, None)

    async def test_an_issuer_that_was_away_is_asked_again(self, clock: Clock) -> None:
        port = free_port()
        async with trusting(f"http://127.0.0.1:{port}", clock) as tokens:
            with running_issuer(port) as issuer:
                token = issuer.token()
                listed, issuer.listed = issuer.listed, {}
                issuer.discovery = {"jwks_uri": "http://127.0.0.1:1/keys"}
                with pytest.raises(IssuerUnavailable):
                    await tokens.verify(token)
                issuer.listed, issuer.discovery = listed, {}
                with pytest.raises(IssuerUnavailable):  # a moment ago it was away
                    await tokens.verify(token)
                clock.now_s += FETCH_EVERY_S
                assert (await tokens.verify(token)).subject == "user-17"

    @pytest.mark.parametrize(
        "discovery",
        [{"issuer": "https://somebody.else"}, {"jwks_uri": None}, {"jwks_uri": "ftp://x/keys"}],
    )
    async def test_a_discovery_document_of_somebody_else_is_none(
        self, issuer: Issuer, clock: Clock, discovery: dict[str, object]
    ) -> None:
        issuer.discovery = discovery
        async with trusting(issuer.url, clock) as tokens:
            with pytest.raises(IssuerUnavailable):
                await tokens.verify(issuer.token())

    async def test_an_endless_answer_is_not_read_to_its_end(self, clock: Clock) -> None:
        trusted = OidcIssuer(issuer="https://login.example", audience=AUDIENCE)

        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=b"[" * 300_000)

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            with pytest.raises(IssuerUnavailable):
                await IssuerKeys(trusted, client, monotonic=clock).find("key-1")


def encoded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

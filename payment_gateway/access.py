"""Who gets in: API keys of the log and of the file, tokens of OIDC issuers, and who fails too often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.services import api_key_directory, tenant_service
from payment_gateway.application.services.api_key_service import ApiKeyService
from payment_gateway.bootstrap import OpenGateway
from payment_gateway.domain.aggregates.api_key import ApiKey
from payment_gateway.infrastructure.messaging.canary import with_canary
from payment_gateway.infrastructure.messaging.log_follower import LogFollower
from payment_gateway.infrastructure.persistence.event_log import StreamFilter, UnknownRecord
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.infrastructure.security.api_key_uses import ApiKeyUses
from payment_gateway.infrastructure.security.api_keys import shown_prefix
from payment_gateway.infrastructure.security.failed_attempts import FailedAttempts
from payment_gateway.infrastructure.security.oidc_discovery import IssuerUnavailable
from payment_gateway.infrastructure.security.oidc_keys import IssuerKeys, open_issuer_client
from payment_gateway.infrastructure.security.oidc_log_in import OidcLogIn
from payment_gateway.infrastructure.security.oidc_tokens import (
    OidcTokens,
    TokenRefused,
    looks_like_a_token,
)
from payment_gateway.presentation.rest.access import AccessRefused, Caller
from payment_gateway.presentation.rest.refusals import ISSUER_UNAVAILABLE, TOO_MANY_FAILURES
from payment_gateway.settings import Settings

# How long a process that starts waits for the keys of the log before it takes requests without them.
START_WITHIN_S: Final = 10.0
# The marks among them: they move on what is known where nothing is done about keys and tenants.
FOLLOWED: Final = with_canary(
    StreamFilter(f"(?:{api_key_directory.CATEGORY}|{tenant_service.CATEGORY})-.*")
)
_API_KEY: Final = f"{api_key_directory.CATEGORY}-"

log = structlog.get_logger()


class Authentication:
    """Finds out who holds what was sent as a key; while it is open it follows the log."""

    def __init__(
        self,
        *,
        api_keys: ApiKeyService,
        follower: LogFollower,
        tokens: OidcTokens,
        attempts: FailedAttempts,
        uses: ApiKeyUses,
        now: Callable[[], datetime],
    ) -> None:
        self._api_keys = api_keys
        self._follower = follower
        self._tokens = tokens
        self._attempts = attempts
        self._uses = uses
        self._now = now

    async def __call__(self, key: str, client: str | None) -> Caller:
        """Return the caller.

        Args:
            key: What was sent.
            client: The address it came from.

        Raises:
            AccessRefused: 401 for what is not accepted, 429 where that happened too often, 503 while
                nobody can say.
        """
        if looks_like_a_token(key):
            return await self._caller_of_token(key, client)
        digest = self._api_keys.secrets.digest(key)
        now = self._now()
        known = digest and self._api_keys.directory.find(digest, now)
        if isinstance(known, ApiKey):
            self._uses.note(known.api_key_id, now)
            return Caller(
                actor=f"apikey:{known.api_key_id}",
                tenant_id=known.tenant_id,
                roles=frozenset(known.roles),
            )
        if not self._follower.has_caught_up:
            raise AccessRefused(
                status=503,
                code="event_store_unavailable",
                detail="the API keys could not be read yet; send the same again later",
            )
        raise await self.refusal("not an API key that is accepted", client, shown_prefix(key))

    async def _caller_of_token(self, token: str, client: str | None) -> Caller:
        try:
            holder = await self._tokens.verify(token)
        except TokenRefused as error:
            raise await self.refusal(str(error), client, None) from None
        except IssuerUnavailable as error:
            raise AccessRefused(
                status=503,
                code=ISSUER_UNAVAILABLE.code,
                detail=ISSUER_UNAVAILABLE.detail or "",
            ) from error
        return Caller(
            actor=f"oidc:{holder.issuer}:{holder.subject}",
            tenant_id=holder.grant.tenant_id,
            roles=frozenset(holder.grant.roles),
        )

    async def refusal(
        self, reason: str, client: str | None, prefix: str | None = None
    ) -> AccessRefused:
        """Count the failure, log it without the key, and return how it is answered."""
        wait_s = await self._attempts.note(client, prefix)
        log.warning(
            "access.failed", reason=reason, client=client, prefix=prefix, limited=wait_s is not None
        )
        if wait_s is None:
            return AccessRefused()
        return AccessRefused(
            status=TOO_MANY_FAILURES.status,
            code=TOO_MANY_FAILURES.code,
            detail=TOO_MANY_FAILURES.detail or "",
            retry_after_s=wait_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The ways in.

    Attributes:
        uses: When which key was used.
        log_ins: Where a browser may log in, by issuer.
        follower: How far keys and tenants are known.
    """

    authenticate: Authentication
    uses: ApiKeyUses
    log_ins: Mapping[str, OidcLogIn]
    follower: LogFollower


@asynccontextmanager
async def open_authentication(
    settings: Settings, opened: OpenGateway, database: Database, *, leads_back_to: str
) -> AsyncIterator[Access]:
    """Yield the ways in once the log's keys were read, or could not be.

    Issuers send a browser that has logged in to ``leads_back_to``.
    """
    gateway = opened.gateway
    follower = LogFollower(opened.event_store, FOLLOWED, lambda item: _apply(item, opened))
    uses = ApiKeyUses(database)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_issuer_client(settings))
        group = await stack.enter_async_context(_cancelled_at_the_end())
        group.append(asyncio.create_task(follower.run()))
        group.append(asyncio.create_task(uses.run()))
        await follower.first_try(within_s=START_WITHIN_S)
        tokens = OidcTokens([(one, IssuerKeys(one, client)) for one in settings.oidc_issuers])
        authentication = Authentication(
            api_keys=gateway.api_keys,
            follower=follower,
            tokens=tokens,
            attempts=FailedAttempts(
                failures_max=settings.auth_failures_max,
                cache=opened.cache,
            ),
            uses=uses,
            now=gateway.now,
        )
        log_ins = {
            one.issuer: OidcLogIn(one, client, tokens=tokens, leads_back_to=leads_back_to)
            for one in settings.oidc_issuers
            if one.client_id is not None
        }
        yield Access(authenticate=authentication, uses=uses, log_ins=log_ins, follower=follower)
        await uses.write()


def _apply(item: RecordedEvent | UnknownRecord, opened: OpenGateway) -> None:
    """Take what the log says of a key or a tenant."""
    gateway = opened.gateway
    match item:
        case RecordedEvent():
            gateway.api_keys.directory.apply(item)
            gateway.tenants.note(item)
        case UnknownRecord() if item.stream.startswith(_API_KEY):
            # Rather refuse a key than overlook what a newer release has taken from it.
            log.error("api_key.unreadable", stream=item.stream, cause=item.cause)
            gateway.api_keys.directory.drop(item.stream.removeprefix(_API_KEY))
        case UnknownRecord():
            log.error("tenant.unreadable", stream=item.stream, cause=item.cause)


@asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

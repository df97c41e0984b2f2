"""API keys: made, replaced and withdrawn while everything runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from payment_gateway.application.ports import ApiKeySecrets, CommandContext, EventStore
from payment_gateway.application.services.api_key_directory import (
    CATEGORY,
    EVENTS,
    ApiKeyDirectory,
)
from payment_gateway.application.services.stream_service import (
    Executed,
    Loaded,
    StreamService,
    matching,
)
from payment_gateway.domain.aggregates.api_key import (
    ApiKey,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    decide,
    evolve,
)
from payment_gateway.domain.errors import ApiKeyFixed, ApiKeyNotFound, InvalidValue
from payment_gateway.domain.events.api_key import ApiKeyEvent
from payment_gateway.domain.value_objects.grant import ANY_TENANT, GrantVO

KEYS_MAX: Final = 100_000  # each process holds all of them, half a kilobyte each
OVERLAP_DEFAULT: Final = timedelta(days=1)
OVERLAP_MAX: Final = timedelta(days=30)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """What became of a key, and its new secret, which is shown this once."""

    executed: Executed[ApiKey, ApiKeyEvent]
    secret: str = field(repr=False)

    @property
    def api_key(self) -> ApiKey:
        """The key as it is then."""
        return self.executed.state


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyService:
    """Changes API keys; what it changed counts in this process at once.

    Attributes:
        directory: The keys that this process accepts.
    """

    store: EventStore
    directory: ApiKeyDirectory
    secrets: ApiKeySecrets
    new_id: Callable[[], str]

    async def create(
        self,
        grant: GrantVO,
        *,
        name: str | None,
        expires_at: datetime | None,
        context: CommandContext,
        api_key_id: str | None = None,
    ) -> IssuedApiKey:
        """Make a key.

        Args:
            grant: What it may do, and for whom.
            name: What people call it.
            expires_at: Accepted until then; ``None`` for without end.
            context: Who makes it.
            api_key_id: Its id, the same each time that the same command is carried out; ``None`` for a new
                one. Where the key is there already, its secret was never shown, and is replaced.

        Raises:
            InvalidValue: Its end is past, or there are too many keys.
            EventStoreUnavailable: No answer; there may be a key now that nobody has, see the list.
        """
        if len(self.directory) >= KEYS_MAX:
            raise InvalidValue(f"there are {KEYS_MAX} API keys, and no more are made")
        secret = self.secrets.new()
        command = CreateApiKey(
            grant=grant,
            name=name,
            prefix=secret.prefix,
            key_hash=secret.key_hash,
            at=context.at,
            expires_at=expires_at,
        )
        made_id = api_key_id or self.new_id()
        executed = await self._streams.execute(
            made_id, lambda key: decide(made_id, command, key), context
        )
        return IssuedApiKey(executed=self._noted(executed), secret=secret.text)

    async def rotate(
        self, api_key_id: str, *, overlap: timedelta, context: CommandContext
    ) -> IssuedApiKey:
        """Give a key another secret; the one before is accepted for ``overlap`` longer.

        Carried out twice, as after a crash, the one before is no worse off: it ends when it was told to.

        Raises:
            InvalidValue: A negative overlap, or one above ``OVERLAP_MAX``.
            ApiKeyNotFound: There is none that the context's tenant may change.
            ApiKeyFixed: It is one that no command changes.
            ApiKeyEnded: It is accepted no more.
            PreconditionFailed: It is at none of the revisions that the caller names.
            EventStoreUnavailable: No answer; the secret may have been replaced. Rotate it again.
        """
        if not timedelta(0) <= overlap <= OVERLAP_MAX:
            most = int(OVERLAP_MAX.total_seconds())
            raise InvalidValue(f"an overlap is 0 to {most} seconds", param="overlapSeconds")
        loaded = await self._load(api_key_id, context)
        secret = self.secrets.new()
        command = RotateApiKey(
            prefix=secret.prefix, key_hash=secret.key_hash, at=context.at, overlap=overlap
        )
        executed = await self._execute(loaded, command, context)
        return IssuedApiKey(executed=self._noted(executed), secret=secret.text)

    async def revoke(
        self, api_key_id: str, context: CommandContext
    ) -> Executed[ApiKey, ApiKeyEvent]:
        """Accept a key no more; revoking it again changes nothing.

        Raises:
            ApiKeyNotFound: There is none that the context's tenant may change.
            ApiKeyFixed: It is one that no command changes.
            PreconditionFailed: It is at none of the revisions that the caller names.
            EventStoreUnavailable: No answer; it may be revoked again.
        """
        loaded = await self._load(api_key_id, context)
        command = RevokeApiKey(at=context.at)
        executed = await self._execute(loaded, command, context)
        return self._noted(executed)

    def every(self, tenant_id: str) -> list[ApiKey]:
        """Return the keys of a tenant, of all where it is ``*``; those that ended, too."""
        return [key for key in self.directory.every() if tenant_id in {ANY_TENANT, key.tenant_id}]

    async def _load(self, api_key_id: str, context: CommandContext) -> Loaded[ApiKey]:
        if _ID.fullmatch(api_key_id) is None:
            raise ApiKeyNotFound(api_key_id)
        if self.directory.is_fixed(api_key_id):
            raise ApiKeyFixed(api_key_id)
        loaded = await self._streams.load(api_key_id)
        allowed = {ANY_TENANT, loaded.state.tenant_id} if loaded.state else set()
        if context.tenant_id not in allowed:
            raise ApiKeyNotFound(api_key_id)
        return matching(loaded, context)

    async def _execute(
        self, loaded: Loaded[ApiKey], command: RotateApiKey | RevokeApiKey, context: CommandContext
    ) -> Executed[ApiKey, ApiKeyEvent]:
        """Carry a command out on a key; its events are those of the key's own tenant."""
        assert loaded.state is not None, "it was found"
        api_key_id = loaded.state.api_key_id
        return await self._streams.execute(
            api_key_id,
            lambda key: decide(api_key_id, command, key),
            replace(context, tenant_id=loaded.state.tenant_id),
            after=loaded,
        )

    def _noted(self, executed: Executed[ApiKey, ApiKeyEvent]) -> Executed[ApiKey, ApiKeyEvent]:
        self.directory.put(executed.state, executed.revision)
        return executed

    @property
    def _streams(self) -> StreamService[ApiKey, ApiKeyEvent]:
        return StreamService(store=self.store, category=CATEGORY, event_types=EVENTS, evolve=evolve)

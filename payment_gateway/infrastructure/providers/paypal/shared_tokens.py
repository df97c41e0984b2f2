"""Access tokens that all processes share through Redis: sealed, and fetched by one for all.

A token is sealed under the master key and bound to its endpoint and account. Who reads Redis reads
no token, and one that was moved to another account's place does not open.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from payment_gateway.application.ports import SealBroken
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.cache import Cache, CacheAway
from payment_gateway.infrastructure.security.envelope import MasterKey

# One process fetches at a time, for this long at most; others look whether it is done.
FLIGHT_S_MAX: Final = 10.0
WAIT_S_MAX: Final = 5.0
LOOK_S: Final = 0.05

_OWNER_BYTES: Final = 16
_DELETE_IF_SAME: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedToken:
    """A token as one process leaves it to the others.

    Attributes:
        left_s: How long it need not be renewed.
        grace_s: How long after that it is still good.
    """

    text: SecretText
    left_s: float
    grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """The turn to fetch a token, or what came of another's.

    Attributes:
        found: Another process's token; with it there is nothing to fetch.
    """

    tokens: SharedTokens
    account: bytes
    found: SharedToken | None

    async def land(self, token: SharedToken) -> None:
        """Give the token that was fetched to the others."""
        await self.tokens.keep(self.account, token)


class SharedTokens:
    """The tokens in Redis, by account: any bytes that name an endpoint and credentials."""

    def __init__(self, cache: Cache, master: MasterKey) -> None:
        self._cache = cache
        self._master = master

    @asynccontextmanager
    async def flight(self, account: bytes) -> AsyncIterator[Flight]:
        """Find the token, or take the turn to fetch it within this block.

        Without Redis, or where another process takes longer than ``WAIT_S_MAX``, it is this one's
        turn as well: two tokens do no harm.
        """
        owner = secrets.token_hex(_OWNER_BYTES)
        try:
            found = await self._find_or_begin(account, owner)
        except CacheAway:
            found = None
        try:
            yield Flight(tokens=self, account=account, found=found)
        finally:
            if found is None:
                await self._delete_if_same(self._key(account, "flight"), owner.encode())

    async def keep(self, account: bytes, token: SharedToken) -> None:
        """Keep a token until it is to be renewed; Redis being away, others fetch their own."""
        clear = f"{token.grace_s:.3f} {token.text.reveal()}"
        sealed = self._master.wrap(clear.encode(), _bound_to(account))
        left_ms = int(token.left_s * 1000)
        if left_ms <= 0:
            return
        try:
            await self._cache.ask(
                lambda client: client.set(self._key(account, "token"), sealed, px=left_ms)
            )
        except CacheAway:
            return

    async def drop(self, account: bytes, text: SecretText) -> None:
        """Forget this token, unless a newer one took its place.

        Redis being away, a process that finds it there later drops it again at PayPal's refusal.
        """
        key = self._key(account, "token")
        try:
            sealed = await self._cache.ask(lambda client: client.get(key))
        except CacheAway:
            return
        if not isinstance(sealed, bytes):
            return
        kept = self._open(account, sealed, left_s=0)
        if kept is None or kept.text == text:
            await self._delete_if_same(key, sealed)

    async def _find_or_begin(self, account: bytes, owner: str) -> SharedToken | None:
        give_up_at_s = time.monotonic() + WAIT_S_MAX
        while True:
            mine = await self._begin(account, owner)
            found = await self._find(account)  # after the turn is taken: the last one may be done
            if found is not None and mine:
                await self._delete_if_same(self._key(account, "flight"), owner.encode())
            if found is not None or mine or time.monotonic() > give_up_at_s:
                return found
            await asyncio.sleep(LOOK_S)

    async def _begin(self, account: bytes, owner: str) -> bool:
        return bool(
            await self._cache.ask(
                lambda client: client.set(
                    self._key(account, "flight"), owner, nx=True, px=int(FLIGHT_S_MAX * 1000)
                )
            )
        )

    async def _find(self, account: bytes) -> SharedToken | None:
        key = self._key(account, "token")

        async def read(client: Redis) -> list[Any]:
            pipeline = client.pipeline(transaction=True)
            pipeline.get(key)
            pipeline.pttl(key)
            return list(await pipeline.execute())

        sealed, left_ms = await self._cache.ask(read)
        if sealed is None or left_ms <= 0:
            return None
        return self._open(account, sealed, left_s=left_ms / 1000)

    async def _delete_if_same(self, key: str, value: bytes) -> None:
        try:
            await self._cache.ask(
                lambda client: client.register_script(_DELETE_IF_SAME)(keys=[key], args=[value])
            )
        except CacheAway:
            return  # it ends by itself

    def _open(self, account: bytes, sealed: bytes, *, left_s: float) -> SharedToken | None:
        """Return the token; ``None`` for what another master key sealed, or nobody."""
        try:
            clear = self._master.unwrap(sealed, _bound_to(account)).decode()
        except SealBroken:
            return None
        grace_s, _, text = clear.partition(" ")
        return SharedToken(text=SecretText(text), left_s=left_s, grace_s=float(grace_s))

    def _key(self, account: bytes, what: str) -> str:
        return self._cache.key(
            f"paypal-token:{self._master.fingerprint(_bound_to(account))}:{what}"
        )


def _bound_to(account: bytes) -> bytes:
    return b"paypal-access-token\0" + account

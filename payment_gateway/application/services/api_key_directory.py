"""The API keys that this process accepts, in memory: looking one up asks nobody."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.services.folded_streams import FoldedStreams
from payment_gateway.domain.aggregates.api_key import ApiKey, evolve
from payment_gateway.domain.events.api_key import (
    ApiKeyCreatedEvent,
    ApiKeyEvent,
    ApiKeyRevokedEvent,
    ApiKeyRotatedEvent,
)

CATEGORY: Final = "apikey"
EVENTS: Final = (ApiKeyCreatedEvent, ApiKeyRotatedEvent, ApiKeyRevokedEvent)


class ApiKeyDirectory:
    """Keys by their hashes; follows the log, and what this process itself has just appended.

    Args:
        fixed: Keys that are accepted whatever the log says.
    """

    def __init__(self, fixed: Iterable[ApiKey] = ()) -> None:
        self._fixed = {key.api_key_id: key for key in fixed}
        self._folded: FoldedStreams[ApiKey, ApiKeyEvent] = FoldedStreams(CATEGORY, EVENTS, evolve)
        self._by_hash: dict[str, ApiKey] = {}
        for key in self._fixed.values():
            self._index(None, key)

    def apply(self, recorded: RecordedEvent) -> None:
        """Take an event of the log."""
        before = self._folded.get(recorded.stream.removeprefix(f"{CATEGORY}-"))
        if changed := self._folded.apply(recorded):
            self._index(before, changed[1])

    def put(self, key: ApiKey, revision: int) -> None:
        """Take a key as it is after what was just appended."""
        before = self._folded.get(key.api_key_id)
        if self._folded.put(key.api_key_id, key, revision):
            self._index(before, key)

    def drop(self, api_key_id: str) -> None:
        """Accept a key no more: its stream holds what this release cannot read."""
        if (key := self._folded.get(api_key_id)) is not None:
            self._folded.drop(api_key_id)
            self._unindex(key)

    def find(self, key_hash: str, at: datetime) -> ApiKey | None:
        """Return the key that a secret with this hash opens at a time.

        Looking it up by a keyed hash and comparing in constant time tells nothing of other keys.
        """
        key = self._by_hash.get(key_hash)
        if key is None or not key.accepts(key_hash, at):
            return None
        same = any(hmac.compare_digest(one.key_hash, key_hash) for one in key.secrets)
        return key if same else None

    def is_fixed(self, api_key_id: str) -> bool:
        """Whether a key is one that no command changes."""
        return api_key_id in self._fixed

    def every(self) -> list[ApiKey]:
        """Return all keys that are known, those of the log in the order they were made."""
        return [*self._fixed.values(), *(key for _, key in self._folded.items())]

    def __len__(self) -> int:
        return len(self._folded)

    def _index(self, before: ApiKey | None, key: ApiKey) -> None:
        if before is not None:
            self._unindex(before)
        if key.revoked_at is None:
            self._by_hash.update({secret.key_hash: key for secret in key.secrets})

    def _unindex(self, key: ApiKey) -> None:
        for secret in key.secrets:
            self._by_hash.pop(secret.key_hash, None)

"""Operators' steps with read models and with dead letters: each is kept in the log, and is taken once.

``read_model_steps`` holds what was answered to each step: ``{_id: step, readModel, answer, at}``. That and the
effect are one transaction, in which the log is written last: of two who take steps with one read model at
once, the second sees what the first did before it records anything. A process that dies in between leaves
an event without an effect; the same step, taken again, has the effect and records nothing anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pymongo.errors import PyMongoError

from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.event_log import StreamMoved
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Document,
    Session,
    open_session,
    transaction,
)

COLLECTION: Final = "read_model_steps"
# Longer than any idempotency key lives after its last use: until then the same step may be taken again.
KEPT_FOR_MS: Final = 400 * 86_400_000
# Others are at it: together a few seconds, longer than a step takes.
ATTEMPTS_MAX: Final = 30
AGAIN_AFTER_S: Final = 0.2

_RANDOM: Final = random.SystemRandom()

# Keeps a decision together with who took it and why, once; what it raises stops the step.
Record = Callable[[DomainEvent], Awaitable[None]]
# Has the effect, within a transaction; returns the event, ``None`` for what changes nothing, and the answer.
Effect = Callable[[Session], Awaitable[tuple[DomainEvent | None, Document]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that an operator takes.

    Attributes:
        id: The same each time that the same step is taken.
        read_model: What it is about: old steps are forgotten as new ones with the same are taken.
    """

    id: str
    database: Database
    read_model: str
    record: Record

    async def answered(self, session: Session | None = None) -> Document | None:
        """Return what was answered when it was taken before; ``None`` where it was not."""
        noted = await self.database[COLLECTION].find_one({"_id": self.id}, session=session)
        return None if noted is None else dict(noted["answer"])

    async def take(self, effect: Effect) -> Document:
        """Take it, or return what was answered when it was taken before.

        Raises:
            StreamMoved: Others kept recording; taking it again is safe.
            EventStoreUnavailable: It could not be recorded and had no effect; taking it again is safe.
            pymongo.errors.PyMongoError: No answer, or others kept changing the read model; likewise.
        """
        async with open_session(self.database) as session:
            for attempt in range(1, ATTEMPTS_MAX + 1):
                try:
                    async with transaction(session):
                        return await self._taken(effect, session)
                except (StreamMoved, PyMongoError) as error:
                    if attempt == ATTEMPTS_MAX or not _is_passing(error):
                        raise
                    await asyncio.sleep(_RANDOM.uniform(0, AGAIN_AFTER_S))
        raise AssertionError("the last attempt returns or raises")

    async def _taken(self, effect: Effect, session: Session) -> Document:
        if (before := await self.answered(session)) is not None:
            return before
        event, answer = await effect(session)
        await self.keep(event, answer, session)
        return answer

    async def keep(self, event: DomainEvent | None, answer: Document, session: Session) -> None:
        """Keep that it was taken, as the last part of the transaction that has its effect.

        Raises:
            StreamMoved: Others have recorded meanwhile; taking it again is safe.
            EventStoreUnavailable: It could not be recorded; likewise.
        """
        await self._note(answer, session)
        if event is not None:
            await self.record(event)

    async def _note(self, answer: Document, session: Session) -> None:
        steps = self.database[COLLECTION]
        is_old = {"$lt": ["$at", {"$subtract": ["$$NOW", KEPT_FOR_MS]}]}
        await steps.delete_many({"readModel": self.read_model, "$expr": is_old}, session=session)
        noted = {"readModel": self.read_model, "answer": answer}
        await steps.update_one(
            {"_id": self.id},
            [{"$set": {**{name: {"$literal": one} for name, one in noted.items()}, "at": "$$NOW"}}],
            upsert=True,
            session=session,
        )


def _is_passing(error: StreamMoved | PyMongoError) -> bool:
    """Whether the same may go through at once: others were quicker, or the server did not say whether it did."""
    return isinstance(error, StreamMoved) or any(
        error.has_error_label(label)
        for label in ("TransientTransactionError", "UnknownTransactionCommitResult")
    )

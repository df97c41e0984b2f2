"""What a read model is, and how events become its documents.

A read model is a pure function of the log: one document for each thing, folded from that thing's
events, carrying the revision and the position it has reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pymongo import IndexModel, ReplaceOne

from payment_gateway.infrastructure.persistence.event_log import EventFilter, RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """One kind of document.

    Attributes:
        name: Of its collection and of its subscription. Renaming it builds it anew.
        matching: The events it is told of.
        indexes: What its queries need.
        document_id: Which document an event belongs to; ``None`` for an event it ignores.
        apply: The document after an event; an event that it has seen before changes nothing.
    """

    name: str
    matching: EventFilter
    indexes: tuple[IndexModel, ...]
    document_id: Callable[[RecordedEvent], str | None]
    apply: Callable[[Document | None, RecordedEvent], Document]


class RevisionGap(Exception):
    """An event came before the one that precedes it in its stream."""


def is_known(document: Document | None, recorded: RecordedEvent) -> bool:
    """Tell whether a document has seen an event.

    Raises:
        RevisionGap: The document has not seen what lies between.
    """
    reached: int = -1 if document is None else document["revision"]
    if recorded.revision > reached + 1:
        raise RevisionGap(f"{recorded.stream}: at {reached}, got {recorded.revision}")
    return recorded.revision <= reached


class DocumentWriter:
    """A subscription's handler that keeps one read model."""

    def __init__(self, database: Database, model: ReadModel) -> None:
        self._collection: Final = database[model.name]
        self._model: Final = model

    async def install(self) -> None:
        """Make the indexes that are not there yet."""
        await self._collection.create_indexes(list(self._model.indexes))

    async def __call__(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Fold events into their documents: one read and one write a batch."""
        wanted = [(id_, event) for event in events if (id_ := self._model.document_id(event))]
        if not wanted:
            return
        ids = list({id_ for id_, _ in wanted})
        found = self._collection.find({"_id": {"$in": ids}}, session=session)
        before = {document["_id"]: document async for document in found}
        after = dict(before)
        for id_, event in wanted:
            after[id_] = self._model.apply(after.get(id_), event)
        changed = [document for id_, document in after.items() if document is not before.get(id_)]
        if changed:
            await self._collection.bulk_write(
                [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in changed],
                ordered=False,
                session=session,
            )

"""Keeps the documents of one read model: a subscription's handler."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pymongo import InsertOne, ReplaceOne, UpdateOne

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import (
    Collection,
    Database,
    Document,
    Session,
)
from projections.generations import Generation
from projections.read_model import TOTALS, Key, ReadModel, apply

Documents = dict[Key, Document | None]


class DocumentWriter:
    """Folds batches of events into the documents of one generation of a read model.

    A batch is one read and one write for each collection it touches, however many events it holds.
    """

    def __init__(self, database: Database, model: ReadModel, generation: Generation) -> None:
        self._model: Final = model
        self._collections: Final[Mapping[str, Collection]] = {
            part: database[generation.collection(part)] for part in model.parts
        }

    async def install(self) -> None:
        """Make the collections and indexes that are not there yet.

        Collections cannot be made inside every transaction; making one by an index is harmless.
        """
        for part, indexes in self._model.indexes.items():
            if indexes:
                await self._collections[part].create_indexes(list(indexes))

    async def __call__(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Fold events into their documents."""
        model = self._model
        wanted = [event for event in events if event.type in model.events]
        keys = dict.fromkeys(key for event in wanted for key in model.keys(event))
        if not keys:
            return
        before = await self._read(keys, session)
        after = dict(before)
        for event in wanted:
            after.update(apply(model, after, event))
        changed = {
            key: document
            for key, document in after.items()
            if document is not None and document is not before.get(key)
        }
        await self._write(before, changed, session)
        if model.totals is not None:
            await self._sum(before, changed, session)

    async def documents(
        self, events: Sequence[RecordedEvent], session: Session
    ) -> dict[str, Document | None]:
        """Return the documents that events concern, as they are, by collection and id."""
        model = self._model
        wanted = [event for event in events if event.type in model.events]
        keys = dict.fromkeys(key for event in wanted for key in model.keys(event))
        found = await self._read(keys, session)
        return {f"{self._collections[key.part].name}/{key.id}": found[key] for key in keys}

    async def _read(self, keys: Iterable[Key], session: Session) -> Documents:
        ids: defaultdict[str, list[str]] = defaultdict(list)
        for key in keys:
            ids[key.part].append(key.id)
        found: Documents = dict.fromkeys(keys)
        for part, wanted in ids.items():
            cursor = self._collections[part].find({"_id": {"$in": wanted}}, session=session)
            async for document in cursor:
                found[Key(document["_id"], part)] = document
        return found

    async def _write(
        self,
        before: Mapping[Key, Document | None],
        changed: Mapping[Key, Document],
        session: Session,
    ) -> None:
        """Insert what was not there, replace the rest: to look for each again would be half the cost."""
        writes: defaultdict[str, list[InsertOne[Document] | ReplaceOne[Document]]] = defaultdict(
            list
        )
        for key, document in changed.items():
            is_new = key in before and before[key] is None
            writes[key.part].append(
                InsertOne(document)
                if is_new
                else ReplaceOne({"_id": key.id}, document, upsert=True)
            )
        for part, replacements in writes.items():
            await self._collections[part].bulk_write(replacements, ordered=False, session=session)

    async def _sum(
        self,
        before: Mapping[Key, Document | None],
        changed: Mapping[Key, Document],
        session: Session,
    ) -> None:
        """Add to each sum what its documents contribute now less what they did before."""
        assert self._model.totals is not None, "only a read model with totals comes here"
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        groups: dict[str, Document] = {}
        for key, document in changed.items():
            if key.part:
                continue
            earlier = before.get(key)
            for total in self._model.totals(earlier) if earlier else ():
                counts[total.id].subtract(total.counts)
                groups[total.id] = total.group
            for total in self._model.totals(document):
                counts[total.id].update(total.counts)
                groups[total.id] = total.group
        writes = [
            UpdateOne({"_id": id_}, {"$inc": moved, "$setOnInsert": groups[id_]}, upsert=True)
            for id_, differences in counts.items()
            if (moved := {path: by for path, by in differences.items() if by})
        ]
        if writes:
            await self._collections[TOTALS].bulk_write(writes, ordered=False, session=session)

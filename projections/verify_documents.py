"""The documents of a generation and how far it had come, as of one moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar, cast

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from payment_gateway.infrastructure.messaging import checkpoint, parking
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections.generations import Generation
from projections.read_model import TOTALS, ReadModel
from projections.verify_fold import Point, Steps, Turn
from projections.verify_shelf import Shelf

PAGE: Final = 1_000
_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
# MongoDB error codes: SnapshotTooOld, and SnapshotUnavailable after a collection or index was made.
_MOMENT_GONE: Final = 239
_MOMENT_HIDDEN: Final = 246

Item = TypeVar("Item")


def is_moment_gone(error: PyMongoError) -> bool:
    """Tell whether the server does not keep the moment any more that was looked at."""
    return isinstance(error, OperationFailure) and error.code == _MOMENT_GONE


def is_moment_hidden(error: PyMongoError) -> bool:
    """Tell whether the server cannot show the moment that was looked at; another one will do."""
    return isinstance(error, OperationFailure) and error.code == _MOMENT_HIDDEN


async def point_of(database: Database, generation: Generation, snapshot: Session) -> Point:
    """Return how far a generation has come, and what was not applied on the way."""
    names = [generation.subscription(one) for one in range(generation.partitions)]
    positions = dict.fromkeys(names, 0)
    among = {"$in": names}
    checkpoints = database[checkpoint.COLLECTION].find({"_id": among}, session=snapshot)
    async for document in checkpoints:
        positions[document["_id"]] = document["position"]
    parked: dict[str, set[int]] = {name: set() for name in names}
    streams = set()
    for aside in (parking.COLLECTION, parking.DISCARDED):
        async for document in database[aside].find({"subscription": among}, session=snapshot):
            parked[document["subscription"]].add(document["position"])
            streams.add(document["stream"])
    replayed: dict[str, dict[int, Turn]] = {name: {} for name in names}
    async for document in database[parking.REPLAYED].find(
        {"subscription": among}, session=snapshot
    ):
        turn = Turn(document["after"], document["epoch"], document["position"])
        replayed[document["subscription"]][turn.position] = turn
    return Point(
        positions=tuple(positions.values()),
        parked=tuple(frozenset(one) for one in parked.values()),
        parked_streams=frozenset(streams),
        replayed=tuple(replayed.values()),
    )


async def take_all(
    database: Database,
    model: ReadModel,
    generation: Generation,
    shelf: Shelf,
    snapshot: Session,
    *,
    steps: Steps,
) -> None:
    """Put all documents of a generation on the shelf, in place of what was found before."""
    shelf.forget_found()
    for part in model.parts:
        found = _read(database, generation.collection(part), {}, snapshot)
        async for page in found:
            shelf.found(part, _without_zeros(page) if part == TOTALS else page)
            steps.taken += len(page)


async def take_expected(
    database: Database, generation: Generation, shelf: Shelf, snapshot: Session, *, steps: Steps
) -> None:
    """Put those documents on the shelf that are expected, no others, in place of earlier ones."""
    shelf.forget_found()
    keys = sorted(shelf.expected_keys(), key=lambda key: (key.part, key.id))
    for part in sorted({key.part for key in keys}):
        for ids in _pages([key.id for key in keys if key.part == part]):
            wanted = {"_id": {"$in": ids}}
            async for page in _read(database, generation.collection(part), wanted, snapshot):
                shelf.found(part, page)
                steps.taken += len(page)


def expected_totals(model: ReadModel, shelf: Shelf) -> Iterator[Document]:
    """Yield the sums over what is expected, without those that are zero."""
    sums: dict[str, dict[str, int]] = {}
    groups: dict[str, Document] = {}
    for document in shelf.expected_documents("") if model.totals else ():
        assert model.totals is not None, "the loop is empty then"
        for total in model.totals(document):
            groups[total.id] = total.group
            counts = sums.setdefault(total.id, {})
            for path, count in total.counts.items():
                counts[path] = counts.get(path, 0) + count
    for id_, counts in sums.items():
        if any(counts.values()):
            yield _nested({**groups[id_], "_id": id_}, counts)


async def _read(
    database: Database, collection: str, wanted: Document, snapshot: Session
) -> AsyncGenerator[list[tuple[str, bytes]], None]:
    cursor = (
        database[collection]
        .with_options(codec_options=_RAW)
        .find(wanted, session=snapshot, batch_size=PAGE)
    )
    while page := await cursor.to_list(PAGE):
        raw = cast("list[RawBSONDocument]", page)
        yield [(str(document["_id"]), bytes(document.raw)) for document in raw]


def _without_zeros(page: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for id_, raw in page:
        document = bson.decode(raw)
        kept = _pruned(document)
        if any(_has_count(value) for value in document.values()):
            yield id_, bson.encode(kept)


def _pruned(document: Document) -> Document:
    """Return a sum without the fields that are zero, which it may as well not have."""
    return {
        name: _pruned(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if not _is_nothing(value)
    }


def _is_nothing(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_nothing(one) for one in value.values())
    return isinstance(value, int) and value == 0


def _has_count(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_count(one) for one in value.values())
    return isinstance(value, int | float) and value != 0


def _nested(document: Document, counts: dict[str, int]) -> Document:
    for path, count in counts.items():
        if count:
            *outer, last = path.split(".")
            place = document
            for name in outer:
                place = place.setdefault(name, {})
            place[last] = count
    return document


def _pages(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while page := list(islice(rest, PAGE)):
        yield page

"""What a read model is, and how events become its documents.

A read model is a pure function of the log. It is one file: the shape of its documents, ``keys`` (which of
them an event touches), ``project`` (what they are after it), their indexes, and its queries. All else is
the engine's: reading, batching, writing, checkpoints, rebuilding, verifying.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pymongo import IndexModel

from payment_gateway.infrastructure.messaging.batches import NEWS_GATHERED_FOR_S
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document

# For what is counted over many payments, or looked at later.
LATER_GATHERED_FOR_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Key:
    """Names one document.

    Attributes:
        id: Its ``_id``.
        part: In which of the read model's collections; most have only the main one, ``""``. What the
            queries do not show (a counter, say) belongs in another.
        shared: Whether events of several streams change it. Then how far it has come says nothing of
            an event that was parked and is replayed later; the event's other documents do.
    """

    id: str
    part: str = ""
    shared: bool = field(default=False, compare=False)

    def __hash__(self) -> int:
        """Return the hash of the id alone: a third of the time of all fields, and it tells enough."""
        return hash(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What one document adds to a document that sums over many, in the part ``totals``.

    Attributes:
        id: Of the sum.
        group: The fields that tell what is summed; the same for every contribution to this sum.
        counts: What is added to each field, a dotted path; whole numbers.
    """

    id: str
    group: Document
    counts: Mapping[str, int]


TOTALS: Final = "totals"

Found = Mapping[Key, Document | None]
"""The documents that ``keys`` named, as they are; ``None`` for one that is not there yet."""

Changes = Mapping[Key, Document]
"""The documents that an event changed, whole. It may write others than those that it was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """One kind of view.

    Attributes:
        name: Of the view. It is stored data: renaming it builds it anew.
        version: Of its code. Raised with every change of what ``project`` makes of an event.
        categories: The streams it reads, by what their names begin with: ``payment``.
        events: The stored names that it projects; others of those streams only move its checkpoint.
        keys: Which documents an event touches.
        project: What an event makes of these. It refuses nothing: what is recorded has happened. It is
            called once for every event, in the order of the log; of ``_id`` and ``position`` the
            engine takes care.
        indexes: What its queries need, by part.
        totals: What a document of the main part adds to sums; the engine keeps them.
        partitionable: Whether events of different payments never touch the same document but by
            ``totals``, so that they may be projected side by side.
        gathers_s: How long news gather at least before they are projected together, in seconds. A payment
            is to be shown at once; of what is counted and looked at later, many together cost as much as one.
    """

    name: str
    version: int
    categories: tuple[str, ...]
    events: frozenset[str]
    keys: Callable[[RecordedEvent], Sequence[Key]]
    project: Callable[[Found, RecordedEvent], Changes]
    indexes: Mapping[str, tuple[IndexModel, ...]]
    totals: Callable[[Document], Iterable[Total]] | None = None
    partitionable: bool = False
    gathers_s: float = NEWS_GATHERED_FOR_S

    @property
    def parts(self) -> tuple[str, ...]:
        """The collections of this read model; every part has an entry in ``indexes``."""
        return tuple(dict.fromkeys(("", *self.indexes, *((TOTALS,) if self.totals else ()))))


def apply(
    model: ReadModel, documents: Mapping[Key, Document | None], recorded: RecordedEvent
) -> Changes:
    """Return the documents that an event changes, with their id and the position they have reached.

    An event that one of its documents has seen changes nothing, so that delivering it again is harmless.
    """
    if recorded.type not in model.events:
        return {}
    found = {key: documents.get(key) for key in model.keys(recorded)}
    for key, document in found.items():
        if document is not None and not key.shared and document["position"] >= recorded.position:
            return {}
    changes: dict[Key, Document] = {}
    for key, document in model.project(found, recorded).items():
        before = found.get(key)
        reached = max(recorded.position, before["position"] if before else 0)
        changes[key] = {**document, "_id": key.id, "position": reached}
    return changes


def fold(model: ReadModel, events: Iterable[RecordedEvent]) -> dict[Key, Document]:
    """Return all documents of a log, without the totals: what the read model has to be."""
    documents: dict[Key, Document] = {}
    for recorded in events:
        documents.update(apply(model, documents, recorded))
    return documents


def sum_totals(model: ReadModel, documents: Mapping[Key, Document]) -> dict[str, Document]:
    """Return the sums over documents, those that are all zero left out."""
    sums: dict[str, Document] = {}
    if model.totals is None:
        return sums
    for key, document in documents.items():
        if key.part == "":
            for total in model.totals(document):
                _add(sums.setdefault(total.id, {**total.group, "_id": total.id}), total.counts)
    return {id_: one for id_, one in sums.items() if has_counts(one)}


def has_counts(total: object) -> bool:
    """Tell whether anything is counted in a sum: one that everything left again says nothing."""
    if isinstance(total, dict):
        return any(has_counts(value) for value in total.values())
    return isinstance(total, int) and total != 0


def _add(document: Document, counts: Mapping[str, int]) -> None:
    for path, count in counts.items():
        *outer, last = path.split(".")
        place = document
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = place.get(last, 0) + count

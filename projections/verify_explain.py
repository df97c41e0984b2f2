"""Which event is behind a document that is not as the log says.

The document is folded once more, event by event. Then the same without one of the events, and with one
of them twice: where that gives what was found, the event is known. Otherwise it is the last event that
set the field that differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.read_model import TOTALS, Changes, Found, Key, ReadModel, Total
from projections.verify_fold import placed
from projections.verify_report import (
    EventPlace,
    Fault,
    FaultKind,
    first_difference,
    shown,
)
from projections.verify_shelf import Pair, canonical

# Of a document that more events changed than that, only the latest are looked at.
TOUCHES_MAX: Final = 2_000
# Trying each event takes a fold of all of them.
TRIED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Touch:
    """An event that changed the document: what it was shown, and the document after it."""

    recorded: RecordedEvent
    found: Found
    after: Document


class Trace:
    """Remembers the events that change one document, as they are folded."""

    def __init__(self, model: ReadModel, key: Key) -> None:
        self._model: Final = model
        self._key: Final = key
        self.touches: Final[list[Touch]] = []
        self.is_whole = True

    def watch(self, recorded: RecordedEvent, found: Found, changes: Changes) -> None:
        """Take note of an event."""
        after = self._after(recorded, found, changes)
        if after is None:
            return
        self.touches.append(Touch(recorded, found, after))
        if len(self.touches) > TOUCHES_MAX:
            self.is_whole = False
            del self.touches[0]

    def _after(self, recorded: RecordedEvent, found: Found, changes: Changes) -> Document | None:
        if self._key in changes:
            return canonical(placed(self._key, changes[self._key], recorded, found.get(self._key)))
        if self._key.part != TOTALS or self._model.totals is None:
            return None
        # A sum is changed by what its documents add to it now and did not before.
        before, after = (
            _contribution(self._model, self._key.id, side) for side in (found, changes)
        )
        changed = {
            name: by - before.get(name, 0)
            for name, by in after.items()
            if by != before.get(name, 0)
        }
        gone = {name: -by for name, by in before.items() if name not in after and by}
        touched = {key for key in changes if key.part == ""}
        return (
            {"position": recorded.position, **changed, **gone}
            if touched and changed | gone
            else None
        )


def _contribution(
    model: ReadModel, id_: str, documents: Mapping[Key, Document | None]
) -> dict[str, int]:
    assert model.totals is not None, "only a read model with totals has sums"
    found: dict[str, int] = {}
    for key, document in documents.items():
        if key.part == "" and document is not None:
            for total in model.totals(document):
                _add(found, id_, total)
    return found


def _add(found: dict[str, int], id_: str, total: Total) -> None:
    if total.id == id_:
        for path, count in total.counts.items():
            found[path] = found.get(path, 0) + count


def explain(model: ReadModel, pair: Pair, trace: Trace) -> Fault:
    """Return what is wrong with a document, and the event behind it."""
    if pair.expected is None:
        position = pair.found and pair.found.get("position")
        return Fault(
            kind=FaultKind.UNEXPECTED,
            cause=f"no event makes this document; it says that it is of position {position}",
            key=pair.key,
            found="a document",
        )
    if pair.found is None:
        first = trace.touches[0].recorded if trace.touches and trace.is_whole else None
        return Fault(
            kind=FaultKind.MISSING,
            cause="this event makes the document, which is not there",
            key=pair.key,
            expected="a document",
            event=EventPlace.of(first) if first else None,
        )
    difference = _telling_difference(pair.expected, pair.found)
    field, expected, found = difference
    touch, cause = _behind(model, pair.key, pair.found, field, trace)
    return Fault(
        kind=FaultKind.DIFFERS,
        cause=cause,
        key=pair.key,
        field=field,
        expected=shown(expected),
        found=shown(found),
        event=EventPlace.of(touch.recorded) if touch else None,
    )


def _telling_difference(expected: Document, found: Document) -> tuple[str, object, object]:
    """Return the first field that differs, one of the read model's own where there is one."""
    difference = first_difference(_own(expected), _own(found)) or first_difference(expected, found)
    assert difference is not None, "only documents that differ come here"
    return difference


def _own(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "position"}


def _behind(
    model: ReadModel, key: Key, found: Document, field: str, trace: Trace
) -> tuple[Touch | None, str]:
    touches = trace.touches
    if key.part != TOTALS:
        for touch, following in pairwise(touches):
            if _same(touch.after, found):
                return following, "it is as it was before this event, as if the events ended there"
        if trace.is_whole and len(touches) <= TRIED_MAX:
            for at, touch in enumerate(touches):
                if _same(_replayed(model, key, touches, skip=at), found):
                    return touch, "it is as if this event had been skipped"
                if _same(_replayed(model, key, touches, twice=at), found):
                    return touch, "it is as if this event had been applied twice"
    return _last_setter(touches, field, is_sum=key.part == TOTALS)


def _same(document: Document | None, found: Document) -> bool:
    """Whether two documents are the same, but for the position, which a repetition hides."""
    if document is None:
        return False
    return first_difference({**document, "position": 0}, {**found, "position": 0}) is None


def _replayed(
    model: ReadModel,
    key: Key,
    touches: Sequence[Touch],
    *,
    skip: int | None = None,
    twice: int | None = None,
) -> Document | None:
    """Return the document without one of its events, or with one of them twice."""
    document: Document | None = None
    for at, touch in enumerate(touches):
        for _ in range(0 if at == skip else 2 if at == twice else 1):
            found = {one: document if one == key else other for one, other in touch.found.items()}
            try:
                changes = model.project(found, touch.recorded)
            except Exception:  # noqa: BLE001 - what cannot be cannot be what happened
                return None
            if key in changes:
                document = placed(key, changes[key], touch.recorded, document)
    return None if document is None else canonical(document)


def _last_setter(touches: Sequence[Touch], field: str, *, is_sum: bool) -> tuple[Touch | None, str]:
    if is_sum:
        for touch in reversed(touches):
            if field in touch.after:
                return touch, "no single event explains it; this is the last one that moved the sum"
    before: list[Document] = [{}, *(touch.after for touch in touches)]
    for earlier, touch in reversed(list(zip(before, touches, strict=False))):
        if _at(earlier, field) != _at(touch.after, field):
            return touch, "no missing or repeated event explains it; this one set the field last"
    return None, "no event explains it"


def _at(document: Document, path: str) -> object:
    place: object = document
    for name in path.split("."):
        if isinstance(place, Mapping):
            place = place.get(name)
        elif isinstance(place, list) and name.isdigit() and int(name) < len(place):
            place = place[int(name)]
        else:
            return None
    return place

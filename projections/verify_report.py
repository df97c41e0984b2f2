"""What verifying a read model found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent, UnknownRecord
from projections.generations import Generation
from projections.read_model import Key

# As much as is needed to see what differs; whole documents are in MongoDB.
VALUE_LENGTH_MAX: Final = 200
# Explaining one takes another look at the log; who has so many has one cause more likely than ten.
FAULTS_SHOWN_MAX: Final = 10


class FaultKind(StrEnum):
    """In which way something is not as the log says."""

    DIFFERS = "differs"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    MONEY = "money"
    EVENT_ID_TWICE = "event_id_twice"
    NOT_PARKED = "not_parked"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlace:
    """Which event is meant."""

    id: str
    type: str
    stream: str
    revision: int
    position: int

    @classmethod
    def of(cls, recorded: RecordedEvent | UnknownRecord) -> EventPlace:
        """Return where an event is."""
        return cls(
            id=recorded.event_id,
            type=recorded.type,
            stream=recorded.stream,
            revision=recorded.revision,
            position=recorded.position,
        )

    def as_json(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "id": self.id,
            "type": self.type,
            "stream": self.stream,
            "revision": self.revision,
            "position": self.position,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is not as the log says.

    Attributes:
        key: The document; ``None`` where the fault lies in the log itself.
        field: The first field that differs, a dotted path.
        expected: What the log says, as text.
        found: What is there, as text.
        event: The event behind the difference, where one is.
        cause: In words.
    """

    kind: FaultKind
    cause: str
    key: Key | None = None
    field: str | None = None
    expected: str | None = None
    found: str | None = None
    event: EventPlace | None = None

    def as_json(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "kind": self.kind.value,
            "cause": self.cause,
            "document": self.key.id if self.key else None,
            "part": (self.key.part or None) if self.key else None,
            "field": self.field,
            "expected": self.expected,
            "found": self.found,
            "event": self.event.as_json() if self.event else None,
        }


class Faults:
    """Counts faults and keeps the first ``FAULTS_SHOWN_MAX`` of them."""

    def __init__(self) -> None:
        self.count = 0
        self._first: Final[list[Fault]] = []

    @property
    def first(self) -> tuple[Fault, ...]:
        """Those that are kept."""
        return tuple(self._first)

    @property
    def has_room(self) -> bool:
        """Whether the next one will be kept."""
        return len(self._first) < FAULTS_SHOWN_MAX

    def add(self, fault: Fault) -> None:
        """Note one more."""
        self.count += 1
        if self.has_room:
            self._first.append(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification looked at, and what it found.

    Attributes:
        positions: Up to where each partition was compared.
        events: Of the log that were folded.
        documents: That were compared.
        parked: Events that are parked or were discarded; they are in no document, rightly.
        faults: The first of them, explained.
        faults_count: How many there are.
        seconds: How long it took.
    """

    generation: Generation
    positions: tuple[int, ...]
    events: int
    documents: int
    parked: int
    faults: tuple[Fault, ...]
    faults_count: int
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether everything is as the log says."""
        return self.faults_count == 0

    def as_json(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "readModel": self.generation.model,
            "version": self.generation.version,
            "generation": self.generation.number,
            "agrees": self.agrees,
            "positions": list(self.positions),
            "events": self.events,
            "documents": self.documents,
            "parked": self.parked,
            "faultsCount": self.faults_count,
            "faults": [fault.as_json() for fault in self.faults],
            "seconds": round(self.seconds, 3),
        }


def shown(value: object) -> str:
    """Return a value as a short text."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[:VALUE_LENGTH_MAX]}…"


def first_difference(
    expected: object, found: object, path: str = ""
) -> tuple[str, object, object] | None:
    """Return the path of the first field that differs, with both values; ``None`` for none."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name in sorted({*expected, *found}):
            if name not in expected or name not in found:
                return f"{path}{name}", expected.get(name), found.get(name)
            inner = first_difference(expected[name], found[name], f"{path}{name}.")
            if inner is not None:
                return inner
        return None
    if isinstance(expected, list) and isinstance(found, list):
        return first_difference(_numbered(expected), _numbered(found), path)
    # An amount that became a floating-point number by hand is not the same amount.
    alike = all(isinstance(expected, kind) == isinstance(found, kind) for kind in (bool, float))
    same = alike and expected == found
    return None if same else (path.removesuffix("."), expected, found)


def _numbered(items: list[Any]) -> dict[str, Any]:
    return {str(at): item for at, item in enumerate(items)}

"""Events to bytes and back.

JSON with camelCase keys in a fixed order, times in RFC 3339 and UTC, tuples as lists. What a name and a
schema version mean is listed in ``event_types``; this module only carries the list out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, Generic, TypeVar

import msgspec

from payment_gateway.infrastructure.persistence.upcasters import Fields, Upcaster, upcast

Event = TypeVar("Event")

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(dict[str, object])


class UndecodableEvent(Exception):
    """What is stored cannot be read as an event by this release. It stays as it is in the log."""


class UnknownEventType(UndecodableEvent):
    """This release does not know the stored name, or not in this version; a newer one wrote it."""


@dataclass(frozen=True, slots=True)
class EventType(Generic[Event]):
    """A stored name, the schema version written today, and the class it is read into."""

    name: str
    version: int
    event: type[Event]


class EventCodec(Generic[Event]):
    """Encodes and decodes the events of one list of types.

    Args:
        types: Every name there ever was, with its current version.
        upcasters: From each older version to the next one.
    """

    def __init__(
        self,
        types: Sequence[EventType[Event]],
        upcasters: Mapping[tuple[str, int], Upcaster],
    ) -> None:
        self._by_name: Final = {stored.name: stored for stored in types}
        self._by_class: Final = {stored.event: stored for stored in types}
        self._upcasters: Final = upcasters
        for stored in types:
            # msgspec learns the fields of a class when it is first asked for it, and crashes when two threads
            # ask first. Each subscription reads events in a thread of its own: all is learnt before.
            msgspec.json.Decoder(stored.event)

    def type_of(self, event: Event) -> EventType[Event]:
        """Return under which name and version an event is stored."""
        return self._by_class[type(event)]

    def encode(self, event: Event) -> tuple[str, bytes]:
        """Return the stored name and the bytes of an event.

        Raises:
            ValueError: A time without a zone.
        """
        fields = msgspec.to_builtins(event, builtin_types=(datetime,))
        return self.type_of(event).name, _ENCODER.encode(_to_wire(fields))

    def decode(self, name: str, version: int, data: bytes) -> Event:
        """Return the event stored under a name and version, brought up to today's.

        Raises:
            UnknownEventType: Neither the name nor an older form of it is known.
            UndecodableEvent: The bytes are not what that name and version promise.
        """
        stored = self._by_name.get(name)
        if stored is None or not 1 <= version <= stored.version:
            raise UnknownEventType(f"{name} version {version}")
        try:
            fields = self._upcast(stored, version, _DECODER.decode(data))
            return msgspec.convert(_from_wire(fields), stored.event)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # An upcaster meets whatever was stored; its stumbling is this event's fault alone.
            raise UndecodableEvent(f"{name} version {version}: {error}") from error

    def _upcast(self, stored: EventType[Event], version: int, fields: Fields) -> Fields:
        return upcast(self._upcasters, stored.name, version, stored.version, fields)


@cache
def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


@cache
def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def _to_wire(value: object) -> object:
    match value:
        case dict():
            return {_camel(key): _to_wire(item) for key, item in value.items()}
        case list() | tuple():
            return [_to_wire(item) for item in value]
        case datetime():
            if value.tzinfo is None:
                raise ValueError("a time in an event has a zone")
            return value.astimezone(UTC)
        case _:
            return value


def _from_wire(value: object) -> object:
    # By plain type checks: this runs for every field of every event that is read.
    if isinstance(value, dict):
        return {
            _snake(key): _from_wire(item) if isinstance(item, dict | list) else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_from_wire(item) for item in value]
    return value

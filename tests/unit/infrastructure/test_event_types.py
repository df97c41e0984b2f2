"""Events as stored: what was written once can be read for ever."""

import json
import re
import typing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.payment import (
    CheckoutCreatedEvent,
    PaymentInitiatedEvent,
    PaymentItem,
)
from payment_gateway.infrastructure.persistence.event_codec import EventCodec, EventType
from payment_gateway.infrastructure.persistence.event_metadata import (
    decode_metadata,
    encode_metadata,
)
from payment_gateway.infrastructure.persistence.event_types import (
    EVENT_TYPES,
    UndecodableEvent,
    UnknownEventType,
    decode,
    encode,
    version_of,
)

CORPUS = sorted((Path(__file__).parent / "event_corpus").glob("*.json"))
# From -14:00 to +14:00, as far as clocks on earth differ.
TIMES = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)


def any_event(kind: type[DomainEvent]) -> st.SearchStrategy[DomainEvent]:
    times = {datetime: TIMES, datetime | None: st.none() | TIMES}
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: times[hint] for name, hint in hints.items() if hint in times})


ANY_EVENT = st.one_of([any_event(stored.event) for stored in EVENT_TYPES])


class TestNames:
    def test_every_event_has_a_name_which_is_its_class_without_the_suffix(self) -> None:
        names = {stored.event: stored.name for stored in EVENT_TYPES}

        assert set(names) == set(typing.get_args(DomainEvent))
        assert all(event.__name__ == f"{name}Event" for event, name in names.items())

    def test_no_name_is_used_twice(self) -> None:
        assert len({stored.name for stored in EVENT_TYPES}) == len(EVENT_TYPES)


class TestRoundTrip:
    @given(ANY_EVENT)
    def test_every_event_is_read_back_as_it_was_written(self, event: DomainEvent) -> None:
        name, data = encode(event)

        assert decode(name, version_of(event), data) == event

    @given(ANY_EVENT)
    def test_the_same_event_is_always_the_same_bytes_with_camel_case_keys(
        self, event: DomainEvent
    ) -> None:
        name, data = encode(event)

        assert encode(decode(name, version_of(event), data)) == (name, data)
        assert all(re.fullmatch("[a-z][A-Za-z]*", key) for key in keys(json.loads(data)))

    def test_times_are_rfc_3339_in_utc_and_tuples_are_lists(self) -> None:
        at = datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-6)))
        _, data = encode(checkout(at))

        assert json.loads(data)["expiresAt"] == "2026-02-03T10:05:06Z"

        _, data = encode(initiated())
        assert json.loads(data)["items"] == [
            {"description": "Ticket", "priceMinor": 1999, "quantity": 1, "urlProduct": None}
        ]

    def test_a_time_without_a_zone_is_no_time(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            encode(checkout(datetime(2026, 2, 3)))  # noqa: DTZ001 - that is the point


class TestReadingWhatIsNotOurs:
    def test_a_name_that_nobody_knows(self) -> None:
        with pytest.raises(UnknownEventType):
            decode("NeverHeardOf", 1, b"{}")

    @pytest.mark.parametrize("version", [-1, 0, 2, 99])
    def test_a_version_that_is_not_written_yet(self, version: int) -> None:
        with pytest.raises(UnknownEventType):
            decode("PaymentExpired", version, b'{"paymentId":"p"}')

    @pytest.mark.parametrize(
        "data", [b"", b"null", b"[]", b"{", b"{}", b'{"paymentId":7}', b"\xff\xfe", b"\x00"]
    )
    def test_bytes_that_are_not_that_event(self, data: bytes) -> None:
        with pytest.raises(UndecodableEvent):
            decode("PaymentExpired", 1, data)

    def test_what_a_later_release_added_is_ignored(self) -> None:
        read = decode("PaymentExpired", 1, b'{"paymentId":"p","addedLater":1}')

        assert read == decode("PaymentExpired", 1, b'{"paymentId":"p"}')


@dataclass(frozen=True, kw_only=True)
class ParcelSentEvent:
    """An event that has been through three versions."""

    parcel_id: str
    weight_g: int
    carrier: str


PARCELS = EventCodec(
    (EventType("ParcelSent", 3, ParcelSentEvent),),
    {
        ("ParcelSent", 1): lambda fields: {**fields, "weightG": fields.pop("weightKg") * 1000},  # type: ignore[operator]  # stored fields have no types
        ("ParcelSent", 2): lambda fields: {"carrier": "unknown", **fields},
    },
)


class TestUpcasting:
    @pytest.mark.parametrize(
        ("version", "data", "read"),
        [
            (1, b'{"parcelId":"p","weightKg":2}', ("p", 2000, "unknown")),
            (2, b'{"parcelId":"p","weightG":5}', ("p", 5, "unknown")),
            (3, b'{"parcelId":"p","weightG":5,"carrier":"DHL"}', ("p", 5, "DHL")),
        ],
    )
    def test_an_older_version_is_brought_up_step_by_step(
        self, version: int, data: bytes, read: tuple[str, int, str]
    ) -> None:
        event = PARCELS.decode("ParcelSent", version, data)

        assert (event.parcel_id, event.weight_g, event.carrier) == read

    def test_an_upcaster_that_stumbles_makes_that_event_undecodable(self) -> None:
        with pytest.raises(UndecodableEvent):
            PARCELS.decode("ParcelSent", 1, b'{"parcelId":"p"}')

    def test_a_step_that_nobody_wrote_makes_that_event_undecodable(self) -> None:
        codec = EventCodec((EventType("ParcelSent", 2, ParcelSentEvent),), {})

        with pytest.raises(UndecodableEvent):
            codec.decode("ParcelSent", 1, b"{}")


class TestCorpus:
    def test_there_is_an_example_of_each_version_of_each_event(self) -> None:
        versions = {
            (stored.name, version)
            for stored in EVENT_TYPES
            for version in range(1, stored.version + 1)
        }

        assert {(read["type"], read["schemaVersion"]) for read in map(example, CORPUS)} == versions

    @pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
    def test_an_example_is_read_and_written_as_ever(self, path: Path) -> None:
        stored = example(path)
        data = json.dumps(stored["data"]).encode()

        event = decode(stored["type"], stored["schemaVersion"], data)

        name, written = encode(event)
        assert name == stored["type"]
        if stored["schemaVersion"] == version_of(event):
            assert json.loads(written) == stored["data"]


class TestMetadata:
    @given(
        st.builds(
            CommandContext,
            at=TIMES,
            causation_id=st.none() | st.text(),
            traceparent=st.none() | st.text(),
            reason=st.none() | st.text(),
        )
    )
    def test_a_context_is_read_back_as_it_was_written(self, context: CommandContext) -> None:
        metadata = decode_metadata(encode_metadata(context, schema_version=3))

        assert metadata.context == context
        assert metadata.schema_version == 3

    def test_the_two_ids_have_the_names_that_event_store_tools_follow(self) -> None:
        context = CommandContext(
            tenant_id="acme",
            actor="key-1",
            correlation_id="cor",
            causation_id="cause",
            at=datetime(2026, 2, 3, tzinfo=UTC),
        )

        assert json.loads(encode_metadata(context, schema_version=1)) == {
            "$causationId": "cause",
            "$correlationId": "cor",
            "actor": "key-1",
            "recordedAt": "2026-02-03T00:00:00Z",
            "schemaVersion": 1,
            "tenantId": "acme",
        }

    def test_metadata_that_is_not_ours(self) -> None:
        with pytest.raises(UndecodableEvent):
            decode_metadata(b"")


def checkout(expires_at: datetime) -> CheckoutCreatedEvent:
    return CheckoutCreatedEvent(
        payment_id="p",
        attempt_id="a",
        provider="PAYPAL",
        provider_order_id="o",
        checkout_url="https://paypal.example/o",
        expires_at=expires_at,
    )


def initiated() -> PaymentInitiatedEvent:
    item = PaymentItem(quantity=1, description="Ticket", price_minor=1999, url_product=None)
    return PaymentInitiatedEvent(
        payment_id="p",
        tenant_id="acme",
        external_reference="ERN-1",
        order_id="o",
        amount_minor=1999,
        currency="USD",
        provider="PAYPAL",
        fallback_providers=("PAGADITO",),
        items=(item,),
        allow_pending=False,
        return_url=None,
        cancel_url=None,
        subject_id=None,
        personal=None,
        fingerprint="f",
    )


def example(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text())
    assert isinstance(read, dict)
    return read


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for item in value.values()))
    return set().union(*(keys(item) for item in value)) if isinstance(value, list) else set()

"""The protocol as other clients than Python's use it, and requests that make no sense."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import grpc.aio
import pytest
from esdbclient.protos.Grpc import shared_pb2, status_pb2, streams_pb2
from esdbclient.protos.Grpc.streams_pb2_grpc import StreamsStub

from sandbox.eventstore import serve
from tests.eventstore_server import new_stream

Options = streams_pb2.ReadReq.Options
BatchAppendReq = streams_pb2.BatchAppendReq
NOTHING = shared_pb2.Empty()


@pytest.fixture
async def streams(tmp_path: Path) -> AsyncIterator[StreamsStub]:
    async with (
        serve(tmp_path) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        yield StreamsStub(channel)  # type: ignore[no-untyped-call]  # generated code


def identifier(stream: str) -> shared_pb2.StreamIdentifier:
    return shared_pb2.StreamIdentifier(stream_name=stream.encode())


def message(event_id: UUID | None = None, **metadata: str) -> BatchAppendReq.ProposedMessage:
    return BatchAppendReq.ProposedMessage(
        id=shared_pb2.UUID(string=str(event_id or uuid4())),
        metadata={"type": "Happened", "content-type": "application/json", **metadata},
        data=b"{}",
    )


def batch(
    stream: str, messages: Iterable[BatchAppendReq.ProposedMessage], **fields: Any
) -> BatchAppendReq:
    options = BatchAppendReq.Options(stream_identifier=identifier(stream), any={})
    return BatchAppendReq(
        correlation_id=shared_pb2.UUID(string=str(uuid4())),
        options=options,
        proposed_messages=messages,
        **{"is_final": True, **fields},
    )


async def answers(streams: StreamsStub, *requests: BatchAppendReq) -> list[Any]:
    return [response async for response in streams.BatchAppend(iter(requests))]


async def read(streams: StreamsStub, options: Options) -> list[streams_pb2.ReadResp]:
    return [response async for response in streams.Read(streams_pb2.ReadReq(options=options))]


def all_options(**fields: Any) -> Options:
    return Options(**{"all": Options.AllOptions(start=NOTHING), "count": 10, **fields})


def stream_options(**fields: Any) -> Options:
    stream = Options.StreamOptions(stream_identifier=identifier("s"), start=NOTHING)
    return Options(**{"stream": stream, "count": 10, **fields})


def filtered(regex: str, *prefixes: str, multiplier: int = 1) -> Options.FilterOptions:
    expression = Options.FilterOptions.Expression(regex=regex, prefix=prefixes)
    return Options.FilterOptions(
        event_type=expression, max=10, checkpointIntervalMultiplier=multiplier
    )


class TestBatches:
    async def test_several_in_one_call_are_answered_by_their_ids(
        self, streams: StreamsStub
    ) -> None:
        requests = [batch(new_stream(), [message()]) for _ in range(5)]
        responses = await answers(streams, *requests)
        told = {r.correlation_id.string: r.stream_identifier for r in responses}
        assert len(responses) == len(requests)
        assert told == {r.correlation_id.string: r.options.stream_identifier for r in requests}

    async def test_several_in_one_call_are_written_in_their_order(
        self, streams: StreamsStub
    ) -> None:
        requests = [batch("s", [message()]) for _ in range(300)]
        responses = await answers(streams, *requests)
        told = {r.correlation_id.string: r.success.current_revision for r in responses}
        assert [told[r.correlation_id.string] for r in requests] == list(range(300))

    async def test_one_in_several_messages_is_written_whole(self, streams: StreamsStub) -> None:
        first = batch("s", [message(), message()], is_final=False)
        last = BatchAppendReq(
            correlation_id=first.correlation_id, proposed_messages=[message()], is_final=True
        )
        (response,) = await answers(streams, first, last)
        assert response.success.current_revision == 2

    async def test_one_that_is_never_finished_is_never_written(self, streams: StreamsStub) -> None:
        assert await answers(streams, batch("s", [message()], is_final=False)) == []
        (response,) = await read(streams, stream_options())
        assert response.HasField("stream_not_found")

    async def test_an_id_may_be_two_numbers(self, streams: StreamsStub) -> None:
        event_id = UUID("f0000000-0000-4000-8000-00000000000f")
        structured = shared_pb2.UUID.Structured(
            most_significant_bits=int.from_bytes(event_id.bytes[:8], signed=True),
            least_significant_bits=int.from_bytes(event_id.bytes[8:], signed=True),
        )
        proposed = message()
        proposed.id.CopyFrom(shared_pb2.UUID(structured=structured))
        await answers(streams, batch("s", [proposed]))
        (as_text,) = await read(streams, stream_options())
        assert as_text.event.event.id.string == str(event_id)
        as_numbers = stream_options(uuid_option=Options.UUIDOption(structured=NOTHING))
        (response,) = await read(streams, as_numbers)
        assert response.event.event.id.structured == structured

    @pytest.mark.parametrize(
        ("proposed", "text"),
        [
            (message(UUID(int=0)), "other than zero"),
            (message(type=""), "and a type"),
            (BatchAppendReq.ProposedMessage(), "Required Metadata Property Missing"),
            (
                BatchAppendReq.ProposedMessage(
                    id=shared_pb2.UUID(string="nonsense"),
                    metadata={"type": "T", "content-type": "c"},
                ),
                "not a UUID",
            ),
        ],
    )
    async def test_with_an_event_that_makes_no_sense_are_bad_requests(
        self, streams: StreamsStub, proposed: BatchAppendReq.ProposedMessage, text: str
    ) -> None:
        good, bad = batch("s", [message()]), batch("s", [message(), proposed])
        refused, accepted = await answers(streams, bad, good)
        details = shared_pb2.BadRequest()
        assert isinstance(refused.error, status_pb2.Status)
        assert refused.error.details.Unpack(details)
        assert text in details.message
        assert accepted.success.current_revision == 0


class TestReads:
    @pytest.mark.parametrize(
        "options",
        [
            all_options(read_direction=Options.Backwards, subscription={}),
            stream_options(read_direction=Options.Backwards, subscription={}),
            stream_options(filter=filtered("x")),
            all_options(filter=filtered("")),
            all_options(filter=filtered("(")),
            all_options(filter=filtered("(a+)+$")),
            all_options(filter=filtered("x", multiplier=0), subscription={}),
            Options(count=1),
            Options(stream=Options.StreamOptions(start=NOTHING), count=1),
        ],
    )
    async def test_that_make_no_sense_are_invalid(
        self, streams: StreamsStub, options: Options
    ) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await read(streams, options)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    async def test_may_be_filtered_by_prefixes(self, streams: StreamsStub) -> None:
        await answers(streams, batch("s", [message(type=t) for t in ("Ab", "Ba", "Ca")]))
        responses = await read(streams, all_options(filter=filtered("", "A", "C")))
        assert [r.event.event.metadata["type"] for r in responses] == ["Ab", "Ca"]

    async def test_of_a_deleted_stream_name_it_in_trailers(self, streams: StreamsStub) -> None:
        options = streams_pb2.TombstoneReq.Options(stream_identifier=identifier("s"), any=NOTHING)
        await streams.Tombstone(streams_pb2.TombstoneReq(options=options))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await read(streams, stream_options())
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert refused.value.details() == "Event stream 's' is deleted."
        trailers = refused.value.trailing_metadata()
        assert (trailers["exception"], trailers["stream-name"]) == ("stream-deleted", "s")


class TestSingleAppend:
    async def test_says_a_wrong_revision_in_old_and_new_fields(self, streams: StreamsStub) -> None:
        options = streams_pb2.AppendReq.Options(stream_identifier=identifier("s"), revision=4)
        response = await streams.Append(iter([streams_pb2.AppendReq(options=options)]))
        wrong = response.wrong_expected_version
        assert wrong.HasField("current_no_stream")
        assert wrong.HasField("no_stream_20_6_0")
        assert (wrong.expected_revision, wrong.expected_revision_20_6_0) == (4, 4)

    async def test_too_large_names_the_limit_in_trailers(self, streams: StreamsStub) -> None:
        proposed = streams_pb2.AppendReq.ProposedMessage(
            id=shared_pb2.UUID(string=str(uuid4())),
            metadata={"type": "T", "content-type": "application/json"},
            data=b"x" * 1024 * 1024,
        )
        options = streams_pb2.AppendReq.Options(stream_identifier=identifier("s"), any=NOTHING)
        requests = [
            streams_pb2.AppendReq(options=options),
            streams_pb2.AppendReq(proposed_message=proposed),
        ]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await streams.Append(iter(requests))
        assert refused.value.details() == "Maximum Append Size of 1048576 Exceeded."
        assert refused.value.trailing_metadata()["maximum-append-size"] == "1048576"

    async def test_without_an_expected_revision_is_invalid(self, streams: StreamsStub) -> None:
        options = streams_pb2.AppendReq.Options(stream_identifier=identifier("s"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await streams.Append(iter([streams_pb2.AppendReq(options=options)]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

"""Turns a `ReadReq` into the read or subscription that it asks for."""

from __future__ import annotations

from esdbclient.protos.Grpc import streams_pb2

from sandbox.eventstore.filters import EventFilter, FilterExpression, InvalidFilter
from sandbox.eventstore.reads import ReadLog, ReadStream
from sandbox.eventstore.refusals import invalid
from sandbox.eventstore.stream_state import NUMBER_MAX
from sandbox.eventstore.subscriptions import FROM_END, SubscribeToLog, SubscribeToStream

# The window of a filter that names none.
FILTER_WINDOW = 32

Options = streams_pb2.ReadReq.Options
Query = ReadLog | ReadStream | SubscribeToLog | SubscribeToStream


def parsed(options: Options) -> Query:
    """Return what is asked for.

    Raises:
        Refusal: The options do not go together.
    """
    subscribes = options.WhichOneof("count_option") == "subscription"
    backwards = options.read_direction == Options.Backwards
    if subscribes and backwards:
        raise invalid("A subscription cannot run backwards.")
    match options.WhichOneof("stream_option"):
        case "stream":
            if options.HasField("filter"):
                raise invalid("Only reads of $all can be filtered.")
            return _subscribe_to_stream(options) if subscribes else _read_stream(options, backwards)
        case "all":
            return _subscribe_to_log(options) if subscribes else _read_log(options, backwards)
        case _:
            raise invalid("A read names a stream or $all.")


def _read_log(options: Options, backwards: bool) -> ReadLog:
    position: int | None
    match options.all.WhichOneof("all_option"):
        case "position":
            position = options.all.position.commit_position
        case "end":
            position = None if backwards else NUMBER_MAX
        case _:
            position = 0 if backwards else None
    return ReadLog(
        position=position,
        backwards=backwards,
        limit=options.count,
        event_filter=_event_filter(options),
        resolve_links=options.resolve_links,
    )


def _subscribe_to_log(options: Options) -> SubscribeToLog:
    match options.all.WhichOneof("all_option"):
        case "position":
            after = min(options.all.position.commit_position, NUMBER_MAX)
        case "end":
            after = FROM_END
        case _:
            after = 0
    window = FILTER_WINDOW
    if options.filter.WhichOneof("window") == "max":
        window = options.filter.max
    interval = window * options.filter.checkpointIntervalMultiplier
    if options.HasField("filter") and interval == 0:
        raise invalid("The window and the checkpoint interval multiplier must not be 0.")
    return SubscribeToLog(
        after=after,
        event_filter=_event_filter(options),
        checkpoint_interval=interval,
        resolve_links=options.resolve_links,
    )


def _read_stream(options: Options, backwards: bool) -> ReadStream:
    revision: int | None
    match options.stream.WhichOneof("revision_option"):
        case "revision":
            revision = min(options.stream.revision, NUMBER_MAX)
        case "end":
            revision = None if backwards else NUMBER_MAX
        case _:
            revision = 0 if backwards else None
    return ReadStream(
        stream=_stream_name(options),
        revision=revision,
        backwards=backwards,
        limit=options.count,
        resolve_links=options.resolve_links,
    )


def _subscribe_to_stream(options: Options) -> SubscribeToStream:
    after: int | None
    match options.stream.WhichOneof("revision_option"):
        case "revision":
            after = min(options.stream.revision, NUMBER_MAX)
        case "end":
            after = None
        case _:
            after = -1
    return SubscribeToStream(
        stream=_stream_name(options), after=after, resolve_links=options.resolve_links
    )


def _stream_name(options: Options) -> str:
    return stream_name(options.stream.stream_identifier.stream_name)


def stream_name(name: bytes) -> str:
    """Return a stream's name.

    Raises:
        Refusal: It is empty, or not UTF-8.
    """
    try:
        decoded = name.decode()
    except UnicodeDecodeError:
        raise invalid("A stream name must be UTF-8.") from None
    if not decoded:
        raise invalid("A stream name must not be empty.")
    return decoded


def _event_filter(options: Options) -> EventFilter | None:
    if not options.HasField("filter"):
        return None
    match options.filter.WhichOneof("filter"):
        case "stream_identifier":
            by_name = options.filter.stream_identifier
            expression = FilterExpression(True, by_name.regex, tuple(by_name.prefix))
        case "event_type":
            by_type = options.filter.event_type
            expression = FilterExpression(False, by_type.regex, tuple(by_type.prefix))
        case _:
            raise invalid("A filter names streams or event types.")
    try:
        return expression.event_filter()
    except InvalidFilter as error:
        raise invalid(str(error)) from error

"""Turns requests about groups into what they ask for."""

from __future__ import annotations

from esdbclient.protos.Grpc import persistent_pb2, shared_pb2

from sandbox.eventstore.filters import FilterExpression
from sandbox.eventstore.groups.definition import (
    ALL,
    DISPATCH_TO_SINGLE,
    FROM_END,
    PINNED,
    ROUND_ROBIN,
    GroupKey,
    GroupSettings,
)
from sandbox.eventstore.read_requests import stream_name
from sandbox.eventstore.refusals import invalid
from sandbox.eventstore.stream_state import NUMBER_MAX

CreateOptions = persistent_pb2.CreateReq.Options
UpdateOptions = persistent_pb2.UpdateReq.Options
KeyOptions = (
    persistent_pb2.ReadReq.Options
    | persistent_pb2.DeleteReq.Options
    | persistent_pb2.GetInfoReq.Options
    | persistent_pb2.ReplayParkedReq.Options
)
# By the numbers of the protocol's enumeration.
_STRATEGIES = (DISPATCH_TO_SINGLE, ROUND_ROBIN, PINNED)
_TICKS_PER_MS = 10_000


def key_of(options: KeyOptions) -> GroupKey:
    """Return which group is meant.

    Raises:
        Refusal: The request names none.
    """
    source = ALL if options.HasField("all") else _source(options.stream_identifier)
    return GroupKey(source, _name(options.group_name))


def defined_key(options: CreateOptions | UpdateOptions) -> GroupKey:
    """Do the same for a request that defines a group."""
    match options.WhichOneof("stream_option"):
        case "all":
            source = ALL
        case "stream":
            source = _source(options.stream.stream_identifier)
        case _:  # as clients before 21.10 say it
            source = _source(options.stream_identifier)
    return GroupKey(source, _name(options.group_name))


def start_of(options: CreateOptions | UpdateOptions) -> int:
    """Return the position or number to start from, ``FROM_END`` for the end."""
    match options.WhichOneof("stream_option"):
        case "all":
            if options.all.HasField("end"):
                return FROM_END
            return min(options.all.position.commit_position, NUMBER_MAX)
        case "stream":
            if options.stream.HasField("end"):
                return FROM_END
            return min(options.stream.revision, NUMBER_MAX)
        case _:
            return min(options.settings.revision, NUMBER_MAX)


def expression_of(options: CreateOptions) -> FilterExpression | None:
    """Return the filter, ``None`` if everything is wanted."""
    if not options.all.HasField("filter"):
        return None
    wanted = options.all.filter
    by_stream_name = wanted.WhichOneof("filter") == "stream_identifier"
    part = wanted.stream_identifier if by_stream_name else wanted.event_type
    return FilterExpression(by_stream_name, part.regex, tuple(part.prefix))


def settings_of(options: CreateOptions | UpdateOptions) -> GroupSettings:
    """Return the settings; the strategy may be one that does not exist."""
    given = options.settings
    timeout_ms, checkpoint_after_ms = given.message_timeout_ms, given.checkpoint_after_ms
    if given.WhichOneof("message_timeout") == "message_timeout_ticks":
        timeout_ms = given.message_timeout_ticks // _TICKS_PER_MS
    if given.WhichOneof("checkpoint_after") == "checkpoint_after_ticks":
        checkpoint_after_ms = given.checkpoint_after_ticks // _TICKS_PER_MS
    return GroupSettings(
        resolve_links=given.resolve_links,
        extra_statistics=given.extra_statistics,
        max_retry_count=given.max_retry_count,
        min_checkpoint_count=given.min_checkpoint_count,
        max_checkpoint_count=given.max_checkpoint_count,
        max_subscriber_count=given.max_subscriber_count,
        live_buffer_size=given.live_buffer_size,
        read_batch_size=given.read_batch_size,
        history_buffer_size=given.history_buffer_size,
        message_timeout_ms=timeout_ms,
        checkpoint_after_ms=checkpoint_after_ms,
        strategy=_strategy(options),
    )


def listed_source(options: persistent_pb2.ListReq.Options) -> str | None:
    """Return whose groups are asked for, ``None`` for those of every source."""
    if options.WhichOneof("list_option") != "list_for_stream":
        return None
    of = options.list_for_stream
    return ALL if of.HasField("all") else _source(of.stream)


def _strategy(options: CreateOptions | UpdateOptions) -> str:
    if isinstance(options, CreateOptions) and options.settings.consumer_strategy:
        return options.settings.consumer_strategy
    number = options.settings.named_consumer_strategy
    return _STRATEGIES[number] if 0 <= number < len(_STRATEGIES) else str(number)


def _source(identifier: shared_pb2.StreamIdentifier) -> str:
    return stream_name(identifier.stream_name)


def _name(name: str) -> str:
    if not name:
        raise invalid("A group must have a name.")
    return name

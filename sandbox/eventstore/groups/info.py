"""What clients are told about a group."""

from __future__ import annotations

import time

from esdbclient.protos.Grpc import persistent_pb2

from sandbox.eventstore.groups import source
from sandbox.eventstore.groups.consumer import Consumer
from sandbox.eventstore.groups.definition import ALL
from sandbox.eventstore.groups.group import Group
from sandbox.eventstore.store import Store

SubscriptionInfo = persistent_pb2.SubscriptionInfo


async def info_of(store: Store, group: Group) -> SubscriptionInfo:
    """Return a group's settings, its state and its consumers."""
    definition, delivery = group.definition, group.delivery
    settings, key = definition.settings, definition.key
    parked = await store.readers.run(source.parked_range, definition)
    if key.source == ALL:
        last = store.commits.position
    else:
        last = await store.readers.run(source.last_number, key.source)
    in_flight = delivery.in_flight
    return SubscriptionInfo(
        event_source=key.source,
        group_name=key.name,
        status="Behind" if delivery.consumers and group.read_to < last else "Live",
        connections=[_connection(each, group.started_s) for each in delivery.consumers],
        average_per_second=_per_second(delivery.total, group.started_s),
        total_items=delivery.total,
        last_checkpointed_event_position=(
            "" if group.checkpoint is None else definition.place(group.checkpoint)
        ),
        last_known_event_position=definition.place(last) if last >= 0 else "",
        resolve_link_tos=settings.resolve_links,
        start_from=definition.place(definition.start),
        message_timeout_milliseconds=settings.message_timeout_ms,
        extra_statistics=settings.extra_statistics,
        max_retry_count=settings.max_retry_count,
        live_buffer_size=settings.live_buffer_size,
        buffer_size=settings.history_buffer_size,
        read_batch_size=settings.read_batch_size,
        check_point_after_milliseconds=settings.checkpoint_after_ms,
        min_check_point_count=settings.min_checkpoint_count,
        max_check_point_count=settings.max_checkpoint_count,
        read_buffer_count=len(delivery.fresh),
        retry_buffer_count=len(delivery.retries),
        total_in_flight_messages=in_flight,
        outstanding_messages_count=in_flight,
        named_consumer_strategy=settings.strategy,
        max_subscriber_count=settings.max_subscriber_count,
        parked_message_count=max(0, parked.last - max(parked.first - 1, group.replayed_to)),
    )


def _connection(consumer: Consumer, since_s: float) -> SubscriptionInfo.ConnectionInfo:
    connection = SubscriptionInfo.ConnectionInfo(
        username="anonymous",
        average_items_per_second=_per_second(consumer.total, since_s),
        total_items=consumer.total,
        available_slots=consumer.free_slots,
        in_flight_messages=len(consumer.in_flight),
        connection_name=consumer.connection_name,
    )
    setattr(connection, "from", consumer.peer)
    return connection


def _per_second(items: int, since_s: float) -> int:
    """Return the average since the group was started."""
    return round(items / max(1.0, time.monotonic() - since_s))

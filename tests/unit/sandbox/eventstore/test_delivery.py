"""Whatever consumers do, every message is settled once and nobody holds more than he may."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.eventstore.groups.consumer import Consumer
from sandbox.eventstore.groups.definition import STRATEGIES, GroupSettings
from sandbox.eventstore.groups.delivery import Answer, Delivery
from sandbox.eventstore.groups.message import Message, Progress

MAX_RETRIES = 2
TIMEOUT_MS = 1000


def settings_with(strategy: str) -> GroupSettings:
    return GroupSettings(
        resolve_links=False,
        extra_statistics=False,
        max_retry_count=MAX_RETRIES,
        min_checkpoint_count=1,
        max_checkpoint_count=10,
        max_subscriber_count=0,
        live_buffer_size=10,
        read_batch_size=5,
        history_buffer_size=100,
        message_timeout_ms=TIMEOUT_MS,
        checkpoint_after_ms=0,
        strategy=strategy,
    )


def message(at: int, *, replayed: bool = False) -> Message:
    return Message(at, at.to_bytes(16), f"{at}@s", f"s{at % 3}", b"x", replayed)


def delivery_to(count: int, strategy: str, buffer_size: int) -> tuple[Delivery, list[Consumer]]:
    delivery = Delivery(settings_with(strategy))
    consumers = [Consumer(n, buffer_size, "", "") for n in range(count)]
    delivery.consumers.extend(consumers)
    return delivery, consumers


def held(consumer: Consumer) -> list[int]:
    return [delivered.message.at for delivered in consumer.in_flight.values()]


ACTIONS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([*Answer, "time out", "leave"])), max_size=60
)


@settings(deadline=None)
@given(strategy=st.sampled_from(STRATEGIES), buffer_size=st.integers(1, 5), actions=ACTIONS)
def test_every_message_is_settled_or_parked_exactly_once(
    strategy: str, buffer_size: int, actions: list[tuple[int, Answer | str]]
) -> None:
    delivery, consumers = delivery_to(3, strategy, buffer_size)
    delivery.add(message(at) for at in range(1, 31))
    now_s, done = 0.0, []
    for number, action in actions:
        delivery.push(now_s)
        consumer = consumers[number]
        if action == "time out":
            now_s += TIMEOUT_MS
            delivery.time_out(now_s)
        elif action == "leave":
            if consumer in delivery.consumers and len(delivery.consumers) > 1:
                delivery.leave(consumer)
        elif isinstance(action, Answer):
            done += delivery.answer(consumer, list(consumer.in_flight)[:2], action, "")
        assert all(len(each.in_flight) <= buffer_size for each in consumers)
    while delivery.in_flight or delivery.fresh or delivery.retries:
        delivery.push(now_s)
        for consumer in list(delivery.consumers):
            done += delivery.answer(consumer, list(consumer.in_flight), Answer.DONE, "")
    for parked, _ in delivery.to_park:
        delivery.forget(parked)
    ends = [each.at for each in done] + [each.at for each, _ in delivery.to_park]
    assert sorted(ends) == list(range(1, 31))
    assert delivery.room == 100


def test_one_that_is_tried_again_comes_before_new_ones() -> None:
    delivery, (consumer,) = delivery_to(1, "DispatchToSingle", 2)
    delivery.add(message(at) for at in range(1, 5))
    delivery.push(0.0)
    delivery.answer(consumer, [(2).to_bytes(16), (1).to_bytes(16)], Answer.RETRY, "")
    delivery.push(0.0)
    assert held(consumer) == [1, 2]


def test_replayed_ones_come_behind_those_that_are_tried_again() -> None:
    delivery, (consumer,) = delivery_to(1, "DispatchToSingle", 1)
    delivery.add([message(7), message(8)])
    delivery.push(0.0)
    delivery.add([message(1, replayed=True)])
    delivery.answer(consumer, [(7).to_bytes(16)], Answer.RETRY, "")
    order = []
    for _ in range(3):
        delivery.push(0.0)
        order += held(consumer)
        delivery.answer(consumer, list(consumer.in_flight), Answer.DONE, "")
    assert order == [7, 1, 8]


def test_a_full_pinned_consumer_holds_up_only_its_own() -> None:
    delivery, consumers = delivery_to(2, "Pinned", 1)
    delivery.add(message(at) for at in range(1, 13))
    delivery.push(0.0)
    pins = {at % 3 for consumer in consumers for at in held(consumer)}
    assert len(pins) == sum(len(consumer.in_flight) for consumer in consumers)


def test_a_message_that_is_held_twice_waits_for_the_first_answer() -> None:
    delivery, (consumer,) = delivery_to(1, "DispatchToSingle", 5)
    first, second = message(1), message(2)
    second.ack_id = first.ack_id
    delivery.add([first, second])
    delivery.push(0.0)
    assert held(consumer) == [1]
    delivery.answer(consumer, [first.ack_id], Answer.DONE, "")
    delivery.push(0.0)
    assert held(consumer) == [2]


class TestProgress:
    def test_reaches_as_far_as_everything_is_settled(self) -> None:
        progress, messages = Progress(10), [message(at) for at in (12, 15, 17)]
        progress.read(messages, 20)
        assert (progress.settled_to, progress.settled) == (11, 7)
        progress.settle(messages[1])
        assert progress.settled_to == 11
        progress.settle(messages[0])
        assert progress.settled_to == 16
        progress.settle(messages[2])
        assert (progress.settled_to, progress.settled) == (20, 10)

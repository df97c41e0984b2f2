"""A fault is got over when, for a while, answers are nearly as quick as before and the queries are not behind."""

from __future__ import annotations

from benchmarks.load.latency import Sample
from benchmarks.load.recovery import Lag, recovered_after_s

OVER_S = 100
NOW_S = 130


def samples(slow_until_s: int = 0, unserved_at_s: int | None = None) -> list[Sample]:
    """Ten a second for thirty seconds: 10 ms each, or 100 ms at first."""
    return [
        Sample(
            due_s=second + tenth / 10,
            took_s=0.1 if second < slow_until_s else 0.01,
            is_served=second != unserved_at_s,
        )
        for second in range(OVER_S, NOW_S)
        for tenth in range(10)
    ]


def lags(behind_until_s: int = 0) -> list[Lag]:
    return [Lag(at, 20.0 if at < behind_until_s else 1.5) for at in range(OVER_S, NOW_S)]


def recovered(sent: list[Sample], seen: list[Lag], settled_s: float = NOW_S) -> float | None:
    return recovered_after_s(sent, seen, over_s=OVER_S, settled_s=settled_s, earlier_s=0.02)


def test_what_was_never_felt_is_over_at_once() -> None:
    assert recovered(samples(), lags()) == 0


def test_it_lasts_while_answers_are_slow() -> None:
    assert recovered(samples(slow_until_s=107), lags()) == 7


def test_it_lasts_while_queries_are_behind() -> None:
    assert recovered(samples(), lags(behind_until_s=112)) == 12


def test_a_refusal_is_no_quick_answer() -> None:
    assert recovered(samples(unserved_at_s=105), lags()) == 0
    assert recovered(samples(slow_until_s=103, unserved_at_s=105), lags()) == 6


def test_nothing_counts_while_a_request_of_that_time_is_under_way() -> None:
    assert recovered(samples(), lags(), settled_s=OVER_S + 2) is None


def test_it_is_not_over_where_nobody_can_tell_the_lag() -> None:
    unknown = [Lag(at, None) for at in range(OVER_S, NOW_S)]

    assert recovered(samples(), unknown) is None
    assert recovered(samples(), []) is None


def test_it_is_not_over_where_nothing_was_sent() -> None:
    assert recovered([], lags()) is None

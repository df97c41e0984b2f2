"""Times are counted exactly enough, and so is what was not answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.latency import Histogram, Recorder, Sample

TIMES_S = st.lists(st.floats(min_value=1e-6, max_value=119), min_size=1, max_size=200)


@given(times_s=TIMES_S, percent=st.sampled_from((50.0, 90.0, 99.0, 99.9)))
def test_a_percentile_is_that_of_the_sorted_times_to_three_digits(
    times_s: list[float], percent: float
) -> None:
    histogram = Histogram()
    for one in times_s:
        histogram.record(one)

    rank = max(1, -(-len(times_s) * percent // 100))
    near = sorted(times_s)[max(0, int(rank) - 2) : int(rank) + 1]
    found_ms = histogram.percentile_ms(percent)
    assert min(near) * 1000 * 0.998 - 0.001 <= found_ms <= max(near) * 1000 * 1.002 + 0.001
    assert histogram.count == len(times_s)


def test_what_takes_longer_than_can_be_counted_is_not_lost() -> None:
    histogram = Histogram()
    histogram.record(0.01)
    histogram.record(500)

    assert histogram.count == 2
    assert histogram.max_ms >= 119_000


def test_what_was_not_answered_counts_with_its_time_and_as_not_served() -> None:
    recorder = Recorder()
    for took_s, status, code in ((0.01, 200, ""), (0.02, 503, "provider_unavailable"), (30, 0, "")):
        recorder.note("initiate", Sample(0, took_s, status == 200), status, code)

    tally = recorder.tallies["initiate"]
    assert tally.unserved == {(0, ""): 1, (503, "provider_unavailable"): 1}
    assert tally.times.count == 3
    assert tally.times.max_ms > 29_900


def test_several_kinds_are_summed_as_one() -> None:
    recorder = Recorder()
    for kind, took_s in (("initiate", 0.01), ("refund", 0.04), ("list", 9)):
        recorder.note(kind, Sample(0, took_s, is_served=True), 200, "")

    total = recorder.total(frozenset({"initiate", "refund", "cancel"}))
    assert total.times.count == 2
    assert 39 < total.times.max_ms < 41
    assert recorder.tallies["initiate"].times.count == 1


def test_what_is_under_way_is_known_by_when_it_was_due() -> None:
    recorder = Recorder()

    with recorder.under_way(7), recorder.under_way(5):
        assert recorder.settled_s(9) == 5
    assert recorder.settled_s(9) == 9

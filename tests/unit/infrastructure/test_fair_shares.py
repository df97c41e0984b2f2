"""Who holds what, for any workers, any units and any holders before."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.infrastructure.messaging.fair_shares import Seat, assign

WORKERS = ("w1", "w2", "w3", "w4", "w5")
Groups = dict[str, list[str]]


@st.composite
def offers(draw: st.DrawFn) -> Groups:
    sizes = draw(st.lists(st.integers(1, 16), min_size=1, max_size=8))
    return {f"g{n}": [f"g{n}.{unit}" for unit in range(size)] for n, size in enumerate(sizes)}


def units_of(groups: Groups) -> list[str]:
    return [unit for units in groups.values() for unit in units]


@given(offers(), st.sets(st.sampled_from(WORKERS), min_size=1), st.data())
def test_everybody_gets_as_many_as_the_others_of_each_group_and_of_all(
    groups: Groups, workers: set[str], data: st.DataObject
) -> None:
    holders = data.draw(
        st.dictionaries(st.sampled_from(units_of(groups)), st.sampled_from(WORKERS))
    )

    assigned = assign({worker: Seat(groups=groups) for worker in workers}, holders)

    assert assigned.keys() == set(units_of(groups))
    for units in groups.values():
        counts = Counter(dict.fromkeys(workers, 0))
        counts.update(assigned[unit] for unit in units)
        assert max(counts.values()) - min(counts.values()) <= 1
    loads = Counter(dict.fromkeys(workers, 0))
    loads.update(assigned.values())
    assert max(loads.values()) - min(loads.values()) <= 1


@given(offers(), st.sets(st.sampled_from(WORKERS), min_size=1))
def test_what_is_even_stays_where_it_is(groups: Groups, workers: set[str]) -> None:
    seats = {worker: Seat(groups=groups) for worker in workers}
    once = assign(seats, {})

    assert assign(seats, once) == once


@given(offers(), st.sets(st.sampled_from(WORKERS), min_size=2), st.data())
def test_when_one_leaves_the_others_share_what_it_had_and_keep_what_they_have(
    groups: Groups, workers: set[str], data: st.DataObject
) -> None:
    before = assign({worker: Seat(groups=groups) for worker in workers}, {})
    left = data.draw(st.sampled_from(sorted(workers)))

    after = assign({worker: Seat(groups=groups) for worker in workers - {left}}, before)

    moved = {unit for unit in before if before[unit] != after[unit]}
    orphaned = {unit for unit, worker in before.items() if worker == left}
    assert orphaned <= moved
    # Keeping all groups even may cost a move for each group besides, no more.
    assert len(moved) <= len(orphaned) + len(groups)


def test_workers_leave_a_group_to_those_that_are_there_for_it_alone() -> None:
    general = Seat(groups={"live": ["live.0"], "built": ["built.0", "built.1"]})
    builder = Seat(groups={"built": ["built.0", "built.1"]}, dedicated=True)
    holders = {"built.0": "general", "built.1": "general", "live.0": "general"}

    assert assign({"general": general, "builder": builder}, holders) == {
        "live.0": "general",
        "built.0": "builder",
        "built.1": "builder",
    }
    assert set(assign({"general": general}, holders).values()) == {"general"}


def test_a_worker_that_can_do_nothing_gets_nothing() -> None:
    seats = {"leaving": Seat(groups={}), "staying": Seat(groups={"g": ["g.0"]})}

    assert assign(seats, {"g.0": "leaving"}) == {"g.0": "staying"}


def test_nobody_there_is_no_difficulty() -> None:
    assert assign({}, {"g.0": "gone"}) == {}

"""Which worker is to hold which unit of work: decided by every worker for itself, with the same result.

A pure function of what all of them see: who is there, what each could do, and who holds what. Of each
group everybody gets as many units as the others, give or take one, and of all groups together too, where
all can do the same. What is held stays where it is unless that would be uneven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What one worker could do.

    Attributes:
        groups: The names of the units, by the group they are shared within.
        dedicated: Whether it is there for these groups alone; workers that are not leave a group to
            those that are.
    """

    groups: Mapping[str, Sequence[str]]
    dedicated: bool = False


def assign(seats: Mapping[str, Seat], holders: Mapping[str, str]) -> dict[str, str]:
    """Return the worker that each unit is for.

    Args:
        seats: The workers that live, by their ids.
        holders: Who holds a unit now; units that nobody holds are not in it.
    """
    assigned: dict[str, str] = {}
    sharing: dict[str, list[str]] = {}
    units: dict[str, list[str]] = {}
    for group in sorted({group for seat in seats.values() for group in seat.groups}):
        sharing[group] = _eligible(group, seats)
        units[group] = sorted(
            {unit for worker in sharing[group] for unit in seats[worker].groups[group]}
        )
        assigned.update(_share(units[group], sharing[group], holders, Counter(assigned.values())))
    _level(units, sharing, assigned)
    return assigned


def _eligible(group: str, seats: Mapping[str, Seat]) -> list[str]:
    able = sorted(worker for worker, seat in seats.items() if group in seat.groups)
    return [worker for worker in able if seats[worker].dedicated] or able


def _share(
    units: Sequence[str],
    workers: Sequence[str],
    holders: Mapping[str, str],
    loads: Counter[str],
) -> dict[str, str]:
    """Share one group: who holds more than the others keeps one more where it does not go even."""
    held: dict[str, list[str]] = {worker: [] for worker in workers}
    for unit in units:
        if holders.get(unit) in held:
            held[holders[unit]].append(unit)
    least, more = divmod(len(units), len(workers))
    by_holding = sorted(workers, key=lambda worker: (-len(held[worker]), loads[worker], worker))
    quotas = {worker: least + (rank < more) for rank, worker in enumerate(by_holding)}
    shared = {unit: worker for worker in workers for unit in held[worker][: quotas[worker]]}
    taken = Counter(shared.values())
    room = iter(
        [worker for worker in by_holding for _ in range(quotas[worker] - taken[worker])],
    )
    shared.update({unit: next(room) for unit in units if unit not in shared})
    return shared


def _level(
    units: Mapping[str, Sequence[str]],
    sharing: Mapping[str, Sequence[str]],
    assigned: dict[str, str],
) -> None:
    """Move what a group can spare from who has more of all groups together to who has less.

    Every move makes two workers more equal, so it comes to an end.
    """
    moved = True
    while moved:
        moved = False
        loads = Counter(assigned.values())
        for group, names in units.items():
            counts = Counter(assigned[unit] for unit in names)
            most = max(sharing[group], key=lambda worker: (counts[worker], loads[worker], worker))
            few = min(sharing[group], key=lambda worker: (counts[worker], loads[worker], worker))
            if counts[most] > counts[few] and loads[most] - loads[few] > 1:
                spared = max(unit for unit in names if assigned[unit] == most)
                assigned[spared] = few
                moved = True
                break

"""The pages say all that was measured, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load.latency import Recorder, Sample
from benchmarks.load.outages import Outage, Run
from benchmarks.load.page import FAULTS, LATENCY, PAGE, SCALING, write_page
from benchmarks.load.plan import Fault, plan_of
from benchmarks.load.processes import PARTS, Used
from benchmarks.load.results import Results, costed
from benchmarks.load.settling import Settled
from benchmarks.load.steps import Step


def recorder(took_s: float) -> Recorder:
    sent = Recorder()
    for kind in ("initiate", "complete", "refund", "payment", "list"):
        for number in range(50):
            sent.note(kind, Sample(1000 + number / 10, took_s, is_served=True), 200, "")
    sent.note("initiate", Sample(1001, 0.5, is_served=False), 503, "provider_unavailable")
    return sent


def step(rate: float, served: float) -> Step:
    return Step(
        rate=rate,
        offered=rate,
        served=served,
        customers=100,
        not_begun=0,
        took_s=10,
        is_rested=True,
        recorder=recorder(0.02),
        cost={part: Used(cpu_s=2.0, memory_mib=100) for part in PARTS},
    )


@pytest.fixture
def results() -> Results:
    run = Run(begun_s=1000, rate=10, recorder=recorder(0.01), done_at_s=[1001.0, 1004.5])
    run.earlier_s = 0.05
    run.outages.append(Outage(fault=Fault.MONGODB, began_s=1, ended_s=2, recovered_s=3))
    return Results(
        plan=plan_of({"LOAD_SEED": "7"}),
        idle=dict.fromkeys(PARTS, 0.01),
        steps=(step(10, 10), step(20, 19.5), step(40, 22)),
        run=run,
        settled=Settled(
            took_s=1,
            differences=[],
            payments=400,
            events=8_000,
            captures=300,
            refunds=50,
            is_verified=True,
        ),
    )


def test_the_pages_are_whole(results: Results, tmp_path: Path) -> None:
    write_page(results, tmp_path)

    performance, scaling = ((tmp_path / name).read_text() for name in (PAGE, SCALING))
    assert "{{" not in performance + scaling
    assert "1 of 503 provider_unavailable" in performance
    assert "seed 7" in performance
    assert "20.0 events a payment" in scaling
    assert "10,000" in scaling
    for picture in (LATENCY, FAULTS):
        assert picture in performance
        assert (tmp_path / picture).read_text().startswith("<svg")


def test_the_cost_told_is_that_of_the_highest_load_that_was_served(results: Results) -> None:
    told = costed(results.steps)

    assert told.rate == 20
    # 2 s for 100 customers, without 10 s at 10 ms a second of doing nothing
    assert told.cpu_ms("api", results.idle) == pytest.approx(19)


def test_served_is_told_second_by_second(results: Results) -> None:
    assert results.run is not None
    assert results.run.served_each_s() == [0, 1, 0, 0, 1]


def test_a_difference_or_a_fault_that_stays_is_not_well(results: Results) -> None:
    assert results.is_well
    assert results.run is not None
    results.run.outages.append(Outage(fault=Fault.PROVIDER, began_s=3, ended_s=4, recovered_s=None))
    assert not results.is_well

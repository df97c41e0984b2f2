"""Every knob is read, and one that is not there is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from benchmarks.load.page import DOCS, PAGE, knobs
from benchmarks.load.plan import Fault, Plan, UnknownKnob, plan_of


def test_the_environment_decides() -> None:
    plan = plan_of(
        {"LOAD_RATES": "5,7.5", "LOAD_FAULTS": "mongodb", "LOAD_SEED": "9", "LOAD_WRITE": "1"}
    )

    assert plan.rates == (5.0, 7.5)
    assert plan.faults == (Fault.MONGODB,)
    assert (plan.seed, plan.write) == (9, True)


def test_no_fault_can_be_asked_for() -> None:
    assert plan_of({"LOAD_FAULTS": ""}).faults == ()


def test_without_a_seed_it_is_another_load_each_time() -> None:
    assert plan_of({}).seed != plan_of({}).seed


def test_a_knob_that_nothing_reads_is_refused() -> None:
    with pytest.raises(UnknownKnob, match="LOAD_RATE is none of"):
        plan_of({"LOAD_RATE": "5"})


@pytest.mark.parametrize(
    ("name", "value"), [("LOAD_RATES", "0"), ("LOAD_FAULTS", "weather"), ("LOAD_STEP_S", "soon")]
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        plan_of({name: value})


def test_the_page_names_every_knob_as_it_is_now() -> None:
    assert all(f"`LOAD_{name.upper()}`" in knobs() for name in Plan.model_fields)
    assert knobs() in (DOCS / PAGE).read_text(encoding="utf-8")

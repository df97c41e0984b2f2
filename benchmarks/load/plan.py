"""What ``make load`` does, and how to have it do something else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX: Final = "LOAD_"
SEED_MAX: Final = 2**32 - 1


class Fault(StrEnum):
    """What is made to fail under load."""

    PROVIDER = "provider"
    EVENT_STORE = "eventstore"
    MONGODB = "mongodb"
    REDIS = "redis"


def _listed(text: object) -> object:
    return [one for one in text.split(",") if one] if isinstance(text, str) else text


_T = TypeVar("_T")
_Listed = Annotated[tuple[_T, ...], NoDecode, BeforeValidator(_listed)]
_Rate = Annotated[float, Field(gt=0, le=2_000)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Plan(BaseSettings):
    """The knobs, each an environment variable that begins with ``LOAD_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    rates: _Listed[_Rate] = Field(
        (3.0, 6.0, 9.0, 12.0), description="payments that begin a second, one step each"
    )
    step_s: _Seconds = Field(12.0, description="how long a step lasts")
    warm_up_s: _Seconds = Field(8.0, description="load at the first rate before anything counts")
    faults: _Listed[Fault] = Field(
        tuple(Fault), description="what fails one after the other, or nothing"
    )
    fault_rate: _Rate = Field(3.0, description="payments that begin a second meanwhile")
    steady_s: _Seconds = Field(
        10.0, description="load before the first fault, the measure for the rest"
    )
    fault_s: _Seconds = Field(8.0, description="how long a fault lasts")
    recover_s: _Seconds = Field(40.0, description="how long the recovery from a fault may take")
    settle_s: _Seconds = Field(
        120.0, description="how long, after the load, an open payment may take to be settled"
    )
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] = Field(
        default_factory=lambda: secrets.randbelow(SEED_MAX),
        description="of the arrivals and of what customers do; random, and printed",
    )
    write: bool = Field(
        False, description="1 writes the results into docs/performance.md and docs/scaling.md"
    )


class UnknownKnob(Exception):
    """An environment variable that begins with ``LOAD_`` and that nothing reads."""


def plan_of(environ: Mapping[str, str]) -> Plan:
    """Return what the environment asks for.

    Raises:
        UnknownKnob: The sentence names it and those there are.
        pydantic.ValidationError: A knob has a value that it cannot have.
    """
    known = {PREFIX + name.upper() for name in Plan.model_fields}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise UnknownKnob(f"{', '.join(unknown)} is none of {', '.join(sorted(known))}")
    values = {name.removeprefix(PREFIX).lower(): environ[name] for name in environ if name in known}
    return Plan.model_validate(values)

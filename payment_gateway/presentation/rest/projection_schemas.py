"""What travels of the steps with read models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from payment_gateway.presentation.rest.limits import (
    EVENTS_PER_S_MAX,
    EVENTS_PER_S_MIN,
    PARTITIONS_MAX,
    SAMPLE_MAX,
)
from payment_gateway.presentation.rest.schemas import ReasonBody


class StepBody(ReasonBody):
    """A step with a read model, and why it is taken; all of it may be left out."""

    model_config = ConfigDict(strict=False)


class RebuildRequest(StepBody):
    """How a read model is to be built; what is left out is left to the gateway."""

    partitions: int | None = Field(default=None, ge=1, le=PARTITIONS_MAX)
    rate: float | None = Field(
        default=None,
        ge=EVENTS_PER_S_MIN,
        le=EVENTS_PER_S_MAX,
        description="Events a second at most.",
    )
    sample: int | None = Field(
        default=None, ge=1, le=SAMPLE_MAX, description="Documents that are verified."
    )


class VerifyRequest(StepBody):
    """How much is compared."""

    sample: int | None = Field(
        default=None, ge=1, le=SAMPLE_MAX, description="About so many documents."
    )


class PauseRequest(StepBody):
    """What is to stand still or go on."""

    rebuild: bool = Field(default=False, description="The rebuild, not what is shown.")


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    read_model: str


class RebuildAnswer(_Answer):
    """Which generation is being built, and by how many subscriptions."""

    generation: int
    partitions: int


class CancelAnswer(_Answer):
    """Which generation was given up."""

    cancelled: int


class RollbackAnswer(_Answer):
    """Which generation is shown now, and which was."""

    active: int
    previous: int


class PauseAnswer(_Answer):
    """Whether it, or its rebuild, stands still."""

    rebuild: bool
    paused: bool


class VerificationAnswer(_Answer):
    """The verification that was asked for."""

    state: str = Field(description="`never`, `asked`, `done` or `failed`.")
    sample: int | None
    asked_at: str | None
    done_at: str | None
    report: dict[str, Any] | None

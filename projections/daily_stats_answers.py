"""What is shown of a day: amounts as decimal texts, rates and percentiles worked out."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.daily_stats import TIME_CLASSES_S
from projections.payment_answers import Amount, Answer, decimal

_ENDED_UNPAID = ("failed", "cancelled", "expired")


class OutcomesAnswer(Answer):
    """How many of the payments stand where."""

    completed: int = Field(description="The money was taken, whatever was given back of it later.")
    failed: int
    cancelled: int
    expired: int
    unknown: int = Field(description="The provider is being asked.")
    needs_operator: int
    open: int = Field(description="Not ended yet.")


class TimeToCompleteAnswer(Answer):
    """How long it took from the first request until the money was taken, in seconds."""

    count: int
    average_s: float | None
    p50_s: int | None = Field(
        description="Half of them took no longer; given as the next step of a fixed scale, null"
        " beyond its end."
    )
    p95_s: int | None


class DayAnswer(Answer):
    """The payments of one day, provider and currency."""

    day: date = Field(description="On which they were initiated, in UTC.")
    provider_type: str = Field(examples=["PAYPAL"])
    currency: str = Field(examples=["USD"])
    payments: int
    outcomes: OutcomesAnswer
    success_rate: float | None = Field(
        description="Of those that have ended, the share that was paid; null while none has.",
        examples=[0.9375],
    )
    initiated: Amount
    captured: Amount
    refunded: Amount
    time_to_complete: TimeToCompleteAnswer


class DayPage(Answer):
    """A page of days, oldest first."""

    data: list[DayAnswer]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


def day_answer(total: Document) -> DayAnswer:
    """Return a sum as it is shown; what was never counted is zero."""
    currency = total["currency"]
    outcomes = {name: total["outcomes"].get(name, 0) for name in _names()}
    return DayAnswer(
        day=total["day"],
        provider_type=total["providerType"],
        currency=currency,
        payments=total["payments"],
        outcomes=OutcomesAnswer.model_validate(outcomes),
        success_rate=_success_rate(outcomes),
        initiated=decimal(total.get("initiatedMinor", 0), currency),
        captured=decimal(total.get("capturedMinor", 0), currency),
        refunded=decimal(total.get("refundedMinor", 0), currency),
        time_to_complete=_time_to_complete(total.get("timeToComplete", {})),
    )


def _names() -> list[str]:
    return [field.alias or name for name, field in OutcomesAnswer.model_fields.items()]


def _success_rate(outcomes: dict[str, int]) -> float | None:
    ended = outcomes["completed"] + sum(outcomes[name] for name in _ENDED_UNPAID)
    return round(outcomes["completed"] / ended, 4) if ended else None


def _time_to_complete(times: Document) -> TimeToCompleteAnswer:
    count = times.get("count", 0)
    classes = times.get("classes", {})
    return TimeToCompleteAnswer(
        count=count,
        average_s=round(times.get("sumMs", 0) / count / 1000, 3) if count else None,
        p50_s=_percentile(classes, 0.50),
        p95_s=_percentile(classes, 0.95),
    )


def _percentile(classes: dict[str, int], share: float) -> int | None:
    """Return the end of the class that this share took no longer than; ``None`` beyond the scale."""
    left = share * sum(classes.values())
    for end in TIME_CLASSES_S:
        number = classes.get(str(end), 0)
        left -= number
        if number and left <= 0:
            return end
    return None

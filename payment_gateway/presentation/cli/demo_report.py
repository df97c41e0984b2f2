"""How the demo is shown: to a person as text, to a program as one JSON document."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from sandbox.demo.journey import Journey, StoredPayment
    from sandbox.demo.steps import Step

# Longer than any answer about one payment.
LINE_MAX = 2_000


def show_step(console: Console, number: int, step: Step) -> None:
    """One request with its answer and how long it took."""
    color = "green" if step.status < 400 else "yellow"
    console.print(f"\n[bold]{number:>2}  {escape(step.title)}[/bold]", highlight=False)
    console.print(f"    {step.method} {escape(step.url)}", highlight=False, soft_wrap=True)
    if step.sent is not None:
        console.print(f"    [dim]{escape(_line(step.sent))}[/dim]", highlight=False, soft_wrap=True)
    console.print(
        f"    [{color}]{step.status}[/{color}] in {step.seconds * 1000:.0f} ms  "
        f"{escape(_line(step.answer))}",
        highlight=False,
        soft_wrap=True,
    )


def show_journey(console: Console, journey: Journey) -> None:
    """What is stored of each payment, and how long all of it took."""
    for payment in journey.payments:
        _show_payment(console, payment)
    console.print(
        f"\nFirst payment completed after [bold]{journey.first_completed_s:.1f} s[/bold], "
        f"everything shown and checked after [bold]{journey.total_s:.1f} s[/bold].",
        highlight=False,
    )


def as_document(journey: Journey, steps: list[Step]) -> dict[str, Any]:
    """The same facts as one JSON document."""
    return {
        "secondsToFirstCompletedPayment": _rounded(journey.first_completed_s),
        "secondsTotal": _rounded(journey.total_s),
        "steps": [{**asdict(step), "seconds": _rounded(step.seconds)} for step in steps],
        "payments": [
            {
                "paymentId": payment.payment_id,
                "provider": payment.provider,
                "events": payment.events,
                "payment": payment.payment,
                "document": _plain(payment.document),
            }
            for payment in journey.payments
        ],
    }


def _show_payment(console: Console, payment: StoredPayment) -> None:
    console.print(
        f"\n[bold]Stream payment-{payment.payment_id}[/bold] ({payment.provider})", highlight=False
    )
    for event in payment.events:
        console.print(
            f"{event['revision']:>3}  [bold]{escape(event['type']):<24}[/bold]"
            f"{event['recordedAt']}  by {escape(event['actor'])}\n"
            f"     [dim]{escape(_line(event['data']))}[/dim]",
            highlight=False,
            soft_wrap=True,
        )
    console.print("[bold]payment_details[/bold], the document built from these events:")
    console.print_json(json.dumps(_plain(payment.document)))


def _line(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LINE_MAX else f"{text[:LINE_MAX]} …"


def _plain(value: Any) -> Any:
    """A MongoDB document as JSON has it: times as text, whatever else JSON lacks as well."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case datetime():
            return value.isoformat()
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

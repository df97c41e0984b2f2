"""``payment-gateway payments``: look at one, explain it, answer what only a person can."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Column, Table

from payment_gateway.application.commands.explain_payment import Line
from payment_gateway.application.commands.resolve_payment import Finding
from payment_gateway.domain.aggregates.payment_commands import Answer
from payment_gateway.presentation.cli.given import Given
from payment_gateway.settings import Settings

QUESTIONS_MAX: Final = 100
PAYMENT_ID_LENGTH: Final = 36

PaymentId = Annotated[str, typer.Argument(metavar="ID", help="The payment's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOperations:
    """What the composition root gives to these commands; each acts on an installation.

    Attributes:
        show: A payment as it is, or as it was at a time.
        explain: What happened to a payment, oldest first.
        questions: The payments that wait for a person, at most so many.
        resolve: Records what a person found out, and returns the payment as it is then.
    """

    show: Callable[[Settings, str, str | None], dict[str, Any]]
    explain: Callable[[Settings, str], list[Line]]
    questions: Callable[[Settings, int], list[dict[str, Any]]]
    resolve: Callable[[Settings, str, Finding], dict[str, Any]]


def payments_commands(
    operations: Given[PaymentOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="Payments, and what only a person can settle.", no_args_is_help=True)
    _add_looking(app, operations, load_settings)
    _add_settling(app, operations, load_settings)
    return app


def _add_looking(
    app: typer.Typer, operations: Given[PaymentOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("show")
    def show(
        payment_id: PaymentId,
        as_of: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="As it was then: a date or an RFC 3339 time."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show a payment, as it is or as it was."""
        with operations() as act:
            payment = act.show(load_settings(), payment_id, as_of)
        _print_payment(payment, as_json=as_json)

    @app.command("explain")
    def explain(payment_id: PaymentId, as_json: AsJson = False) -> None:
        """Tell what happened to a payment: each attempt, each decision, who caused it and why."""
        with operations() as act:
            lines = act.explain(load_settings(), payment_id)
        if as_json:
            data = [{**_camel(asdict(line)), "at": line.at.isoformat()} for line in lines]
            print(json.dumps({"data": data}))
            return
        table = Table("when (UTC)", "what happened", "why", "who", box=None, pad_edge=False)
        for line in lines:
            when = line.at.strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(when, line.what, line.why or "", line.actor)
        _console().print(table)


def _add_settling(
    app: typer.Typer, operations: Given[PaymentOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("questions")
    def questions(
        limit: Annotated[int, typer.Option(min=1, max=QUESTIONS_MAX, help="At most so many.")] = 25,
        as_json: AsJson = False,
    ) -> None:
        """List the payments that wait for a person, those that wait longest first."""
        with operations() as act:
            waiting = act.questions(load_settings(), limit)
        if as_json:
            print(json.dumps({"data": waiting}))
            return
        table = Table(payment_id_column(), "tenant", "provider", "amount", "about", "why", box=None)
        for payment in waiting:
            for question in payment["questions"]:
                amount = f"{payment['amount']} {payment['currency']}"
                about = f"refund {question['refundId']}" if question["refundId"] else "the payment"
                table.add_row(
                    payment["paymentId"],
                    payment["tenantId"],
                    payment["providerType"],
                    amount,
                    about,
                    question["reason"],
                )
        _console().print(table if waiting else "Nothing waits for a person.")

    @app.command("resolve")
    def resolve(
        payment_id: PaymentId,
        *,
        answer: Annotated[Answer, typer.Option(help="What became of it.")],
        note: Annotated[str, typer.Option(help="How you know; kept with the payment.")],
        refund_id: Annotated[str | None, typer.Option(help="Which refund it is about.")] = None,
        reference: Annotated[
            str | None, typer.Option(help="The provider's id of what moved the money.")
        ] = None,
        amount: Annotated[
            str | None,
            typer.Option(help="How much of a completed payment was taken; all of it if not given."),
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Say what became of a payment or a refund that only a person can settle. It is final."""
        settings = load_settings()
        if not yes:
            with operations() as act:
                _print_payment(act.show(settings, payment_id, None), as_json=False, stderr=True)
            what = answer if amount is None else f"{answer} with {amount}"
            typer.confirm(f"Record that it is {what}? It is final", abort=True, err=True)
        finding = Finding(
            answer=answer, refund_id=refund_id, reference=reference, note=note, amount=amount
        )
        with operations() as act:
            payment = act.resolve(settings, payment_id, finding)
        _print_payment(payment, as_json=as_json)


def payment_id_column() -> Column:
    """Return a column that shows ids whole, however narrow the terminal is: they are copied."""
    return Column("payment", no_wrap=True, min_width=PAYMENT_ID_LENGTH)


def _print_payment(payment: dict[str, Any], *, as_json: bool, stderr: bool = False) -> None:
    if as_json:
        print(json.dumps(payment))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in payment.items():
        if isinstance(value, list):
            for number, entry in enumerate(value, 1):
                told = ", ".join(f"{key} {_text(one)}" for key, one in _pairs(entry))
                table.add_row(f"{name} {number}", told)
        else:
            table.add_row(name, _text(value))
    _console(stderr=stderr).print(table)


def _pairs(entry: object) -> list[tuple[str, object]]:
    if not isinstance(entry, dict):
        return [("", entry)]
    return [(key, value) for key, value in entry.items() if value is not None]


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    fields["correlationId"] = fields.pop("correlation_id")
    return fields


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False)

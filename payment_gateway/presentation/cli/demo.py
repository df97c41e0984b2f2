"""``payment-gateway demo``: what the product is for, done and shown."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from payment_gateway.presentation.cli.demo_report import as_document, show_journey, show_step
from payment_gateway.presentation.cli.sandbox_extra import (
    failures_told,
    sandbox_needed,
    tell_ready,
)

if TYPE_CHECKING:
    from sandbox.demo.steps import Step

# Set by whoever starts the demo earlier than this process does, so that the set-up counts as well.
STARTED_AT = "GATEWAY_DEMO_STARTED_AT"


def demo(
    data_dir: Annotated[
        Path | None,
        # Not from the environment: a demo is nothing that an installation in use should remember.
        typer.Option(help="Folder that keeps what is stored.", show_default="a temporary one"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Start everything, take a payment with each provider, refund, show what was stored, stop."""
    began = time.time()
    with sandbox_needed("demo"):
        from sandbox.demo.run import run_demo
        from sandbox.supervisor import Interrupted

    out = Console()
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        if not as_json:
            show_step(out, len(steps), step)

    try:
        with failures_told():
            journey = run_demo(
                data_dir, started_at=_started_at(began), on_ready=tell_ready, on_step=on_step
            )
    except Interrupted:
        typer.echo("Stopped before the demo was done.", err=True)
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(json.dumps(as_document(journey, steps)) + "\n")
    else:
        show_journey(out, journey)


def _started_at(began: float) -> float:
    """When the person asked for the demo, in seconds since 1970."""
    given = os.environ.get(STARTED_AT)
    if not given:
        return began
    try:
        return float(given)
    except ValueError:
        typer.echo(f"{STARTED_AT} is a time in seconds since 1970, not {given!r}", err=True)
        raise typer.Exit(2) from None

"""The process of the reactors: what events set in motion."""

from __future__ import annotations

from payment_gateway.processes.workers import run_worker
from payment_gateway.reactors import react
from payment_gateway.settings import Settings


def work(settings: Settings) -> None:
    """Run the reactors until SIGTERM or SIGINT."""
    run_worker("reactors", settings, lambda health: react(settings, serve_health=health))

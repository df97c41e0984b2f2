"""The process of the read models' workers."""

from __future__ import annotations

from payment_gateway.processes.workers import run_worker
from payment_gateway.settings import Settings
from projections import worker


def project(settings: Settings, names: list[str]) -> None:
    """Run the workers of the named read models until SIGTERM or SIGINT."""
    run_worker(
        "projections", settings, lambda health: worker.run(settings, names, serve_health=health)
    )

"""What the commands that start an installation on this machine have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

# What to do about a module that is not there, by its name.
MISSING = {
    "platformdirs": "install the extra: pip install 'payment-gateway[sandbox]'",
    "fcntl": "it runs on Linux and macOS; elsewhere, run the parts by themselves",
}


@contextmanager
def sandbox_needed(command: str) -> Iterator[None]:
    """Say what to do if an import in the block fails because the sandbox cannot be used here."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in MISSING:
            raise
        typer.echo(f"payment-gateway {command} needs {error.name}; {MISSING[error.name]}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def failures_told() -> Iterator[None]:
    """Say why the installation in the block failed, after the last log lines of the part at fault."""
    from sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as error:
        if error.log_tail:
            typer.echo(f"{error.log_tail}\n", err=True)
        typer.echo(f"payment-gateway: {error}", err=True)
        raise typer.Exit(1) from None


def tell_ready(part: str, seconds: float) -> None:
    """Show that a part is ready, and how long it took."""
    typer.echo(f"  {part:<12} ready in {seconds:.1f} s", err=True)

"""What the commands that start an installation on this machine have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from sandbox.errors import SandboxError

# What the extra brings in and its modules import.
EXTRA_PACKAGES = frozenset({"platformdirs", "jinja2", "multipart", "python_multipart"})


@contextmanager
def sandbox_needed(command: str) -> Iterator[None]:
    """Say what to install if an import in the block fails for want of the ``sandbox`` extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRA_PACKAGES:
            raise
        typer.echo(
            f"payment-gateway {command} needs the package {error.name}; "
            "install the extra: pip install 'payment-gateway[sandbox]'",
            err=True,
        )
        raise typer.Exit(1) from None


def exit_with(error: SandboxError) -> NoReturn:
    """Say why, show the last log lines of the part at fault, exit with 1."""
    if error.log_tail:
        typer.echo(f"{error.log_tail}\n", err=True)
    typer.echo(f"payment-gateway: {error}", err=True)
    raise typer.Exit(1)

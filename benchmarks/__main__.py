"""``make bench``: everything that is measured, each figure beside its floor, as one table."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable

from benchmarks import (
    eventstore,
    initiate,
    interface,
    projections,
    query_cache,
    rebuild,
    visible,
)
from benchmarks.row import Row


def main() -> None:
    """Print the machine and the table, in Markdown."""
    cores = os.cpu_count()
    print(
        f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}\n"
    )
    print("| what | figure | floor | ratio | wanted |")
    print("|---|---|---|---|---|")
    for measure in (
        eventstore.run,
        initiate.run,
        interface.run,
        projections.run,
        visible.run,
        query_cache.run,
        rebuild.run,
    ):
        _print(measure())


def _print(rows: Iterable[Row]) -> None:
    for row in rows:
        digits = 0 if row.value >= 100 else 1
        print(
            f"| {row.name} | {row.value:,.{digits}f} {row.unit} | {row.floor:,.{digits}f} {row.unit}"
            f" | {row.ratio:.2f} | {row.bound} |"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()

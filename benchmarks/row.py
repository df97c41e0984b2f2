"""One line of a benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure beside its floor, both taken in one run on one machine.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Its unit, for value and floor.
        floor: What the same measurement gives when the part in question does nothing.
        ratio: ``value / floor``; it depends on the machine far less than the figure does.
        wanted: The least ratio that is good enough, ``None`` if it is only for information.
        at_most: Whether ``wanted`` is the largest that is good enough instead.
    """

    name: str
    value: float
    unit: str
    floor: float
    ratio: float
    wanted: float | None
    at_most: bool = False

    @property
    def bound(self) -> str:
        """What is wanted, in words; nothing where it is only for information."""
        if self.wanted is None:
            return ""
        return f"{'<=' if self.at_most else '>='} {self.wanted}"

    def __str__(self) -> str:
        """Return the line as the table shows it."""
        verdict = f"  (wanted {self.bound})" if self.bound else ""
        return (
            f"{self.name:<32} {self.value:>10.0f} {self.unit:<9}"
            f" floor {self.floor:>10.0f}  ratio {self.ratio:.2f}{verdict}"
        )

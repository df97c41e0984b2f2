"""Line charts as SVG, readable on light and dark pages alike; no library for two pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
HEIGHT: Final = 300
LEFT, RIGHT, TOP, BOTTOM = 64, 130, 36, 46
TICKS_X_MAX: Final = 10
# Distinct to those who do not see all colours (Okabe and Ito).
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE: Final = "font-family:sans-serif;font-size:12px"


@dataclass(frozen=True, slots=True)
class Line:
    """One line; where y is ``None`` it has a gap."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Band:
    """A span of x that stands out, with a word above it."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart from nought, or, ``is_log``, over decades."""

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]
    bands: Sequence[Band] = field(default=())
    is_log: bool = False

    def svg(self) -> str:
        """Return the picture."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}" style="{STYLE}">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        )
        parts = (*self._bands(), *self._axes(), *self._lines(), *self._words())
        return head + "".join(f"{part}\n" for part in parts) + "</svg>\n"

    def _xs(self) -> list[float]:
        return [x for line in self.lines for x, _ in line.points]

    def _ys(self) -> list[float]:
        return [y for line in self.lines for _, y in line.points if y is not None]

    def _x(self, value: float) -> float:
        low, high = min(self._xs()), max(self._xs())
        return LEFT + (value - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        ticks = self._y_ticks()
        low, high = self._scaled(ticks[0]), self._scaled(ticks[-1])
        share = (self._scaled(value) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.is_log else value

    def _y_ticks(self) -> list[float]:
        ys = [y for y in self._ys() if y > 0 or not self.is_log] or [1.0]
        if self.is_log:
            first, last = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
            return [10.0**power for power in range(first, max(last, first + 1) + 1)]
        step = _round_up(max(ys) / 5 or 1)
        return [number * step for number in range(max(1, math.ceil(max(ys) / step)) + 1)]

    def _x_ticks(self) -> list[float]:
        known = sorted(set(self._xs()))
        if len(known) <= TICKS_X_MAX:
            return known
        step = _round_up((known[-1] - known[0]) / TICKS_X_MAX)
        first = math.ceil(known[0] / step)
        return [number * step for number in range(first, math.floor(known[-1] / step) + 1)]

    def _bands(self) -> Iterator[str]:
        for band in self.bands:
            left, right = self._x(band.begin), self._x(band.end)
            height = HEIGHT - TOP - BOTTOM
            yield (
                f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{height}" '
                f'fill="#f2d0d0"/>'
            )
            yield _text(left, TOP - 4, band.name, "start")

    def _axes(self) -> Iterator[str]:
        for tick in self._y_ticks():
            y = self._y(tick)
            yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
            yield _text(LEFT - 6, y + 4, f"{tick:g}", "end")
        for tick in self._x_ticks():
            yield _text(self._x(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "middle")

    def _lines(self) -> Iterator[str]:
        for number, line in enumerate(self.lines):
            colour = COLOURS[number % len(COLOURS)]
            yield (f'<path d="{self._path(line)}" fill="none" stroke="{colour}" stroke-width="2"/>')
            y = TOP + 16 * (number + 1)
            yield f'<path d="M{WIDTH - RIGHT + 12} {y - 4}h18" stroke="{colour}" stroke-width="3"/>'
            yield _text(WIDTH - RIGHT + 36, y, line.name, "start")

    def _path(self, line: Line) -> str:
        path, pen = "", "M"
        for x, y in line.points:
            if y is None:
                pen = "M"
            else:
                path += f"{pen}{self._x(x):.1f} {self._y(y):.1f}"
                pen = "L"
        return path

    def _words(self) -> Iterator[str]:
        yield _text(LEFT, 14, self.title, "start")
        yield _text((WIDTH - RIGHT + LEFT) / 2, HEIGHT - 10, self.x_name, "middle")
        yield (
            f'<text transform="translate(14 {(HEIGHT - BOTTOM + TOP) / 2:.0f}) rotate(-90)" '
            f'text-anchor="middle" fill="#222222">{escape(self.y_name)}</text>'
        )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222222">{escape(words)}</text>'


def _round_up(value: float) -> float:
    """Return the next number of the form 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)

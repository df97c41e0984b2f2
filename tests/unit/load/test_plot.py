"""A chart is well-formed, and shows its points where they belong."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from benchmarks.load.plot import HEIGHT, WIDTH, Band, Chart, Line

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart) -> list[str]:
    """Return the lines of a chart as they are drawn."""
    root = ET.fromstring(chart.svg())
    return [one.attrib["d"] for one in root.iter(f"{SVG}path") if one.get("fill") == "none"]


def paths(chart: Chart) -> list[list[tuple[float, float]]]:
    """Return the corners of each line."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
        for path in drawn(chart)
    ]


def test_more_is_higher_and_later_is_further_right() -> None:
    line = Line("a & b", [(0, 1), (10, 5), (20, 2)])
    (first, second, third) = paths(Chart(title="t", x_name="x", y_name="y", lines=[line]))[0]

    assert first[0] < second[0] < third[0]
    assert second[1] < third[1] < first[1]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in (first, second, third))


def test_decades_are_as_far_from_each_other() -> None:
    line = Line("p99", [(0, 1), (1, 10), (2, 100)])
    corners = paths(Chart(title="t", x_name="x", y_name="y", lines=[line], is_log=True))[0]

    heights = [y for _, y in corners]
    assert abs((heights[0] - heights[1]) - (heights[1] - heights[2])) < 0.2


def test_a_gap_and_a_band_are_shown() -> None:
    line = Line("served", [(0, 1), (1, None), (2, 3), (3, 3)])
    chart = Chart(title="t", x_name="x", y_name="y", lines=[line], bands=[Band("mongodb", 1, 2)])

    assert chart.svg().count('fill="#f2d0d0"') == 1
    assert re.sub(r"[\d. ]", "", drawn(chart)[0]) == "MML"


def test_nothing_but_noughts_is_a_chart_too() -> None:
    assert paths(Chart(title="t", x_name="x", y_name="y", lines=[Line("a", [(0, 0)])]))

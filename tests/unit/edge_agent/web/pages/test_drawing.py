"""Charts: places within the frame, and ticks that can be read."""

from __future__ import annotations

import re

import pytest
from jinja2 import Environment, FileSystemLoader

from edge_agent.web.pages.drawing import chart
from edge_agent.web.pages.rendering import TEMPLATES


def test_nothing_to_draw() -> None:
    assert chart({"measured": []}) is None


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], [-5.0, 1e6], [0.0, 0.0]])
def test_every_point_is_inside(values: list[float]) -> None:
    made = chart({"measured": [(60.0 * i, value) for i, value in enumerate(values)]}, x_max=900)
    assert made is not None
    for x, y in made.lines[0].dots:
        assert made.left <= x <= made.right
        assert made.top <= y <= made.bottom
    assert 2 <= len(made.y_ticks) <= 7
    assert [text for _, text in made.x_ticks] == ["0", "5", "10", "15"]


def test_a_band_lies_where_its_times_are() -> None:
    made = chart({"measured": [(0.0, 1.0), (100.0, 2.0)]}, bands=[("window", 50.0, 100.0)])
    assert made is not None
    _, x, width = made.bands[0]
    assert x + width == pytest.approx(made.right)
    assert x == pytest.approx((made.left + made.right) / 2)


def test_the_numbers_of_a_trend_are_not_cut_off() -> None:
    drawn = chart({"measured": [(float(n), 1.12 + 0.005 * n) for n in range(6)]}, per_x=0.0)
    template = "{% from 'chart.html' import chart %}{{ chart(c, 'Pressure', 'shots', 'bar') }}"
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    text = environment.from_string(template).render(c=drawn)
    left = float(re.findall(r'viewBox="([-\d.]+)', text)[0])
    labels = re.findall(r'<text x="([-\d.]+)" y="[\d.]+" text-anchor="end">([\d.]+)</text>', text)
    assert len(labels) >= 2
    for x, label in labels:
        assert float(x) - left >= 26 * 0.6 * len(label), f"{label} in letters of 26 px"

"""Units of tags become those of the wire, or are refused with the way out."""

from __future__ import annotations

import pytest

from broker.sensors import UNIT_OF_SUFFIX
from edge_agent.mapping.units import (
    UnknownUnit,
    conversion_between,
    quantity_of,
    unit_named,
    unit_of_name,
)


@pytest.mark.parametrize(
    ("word", "number", "unit", "expected"),
    [
        ("degF", 212.0, "°C", 100.0),
        ("K", 313.15, "°C", 40.0),
        ("kelvin", 273.15, "°C", 0.0),
        ("psi", 14.503773773, "bar", 1.0),
        ("kPa", 101.3, "bar", 1.013),
        ("mbar", 1013.0, "bar", 1.013),
        ("MPa", 1.0, "bar", 10.0),
        ("N/cm²", 1.0, "bar", 0.1),
        ("bar", 2.0, "Pa", 2e5),
        ("g", 812.0, "kg", 0.812),
        ("lb", 1.0, "kg", 0.45359237),
        ("fraction", 0.5, "%", 50.0),
        ("%", 50.0, "1", 0.5),
        ("kW", 1.5, "W", 1500.0),
        ("kg/h", 3600.0, "kg/s", 1.0),
        ("kg/min", 60.0, "kg/s", 1.0),
        ("g/s", 250.0, "kg/s", 0.25),
        ("ms", 250.0, "s", 0.25),
        ("min", 2.0, "s", 120.0),
        ("in", 2.0, "mm", 50.8),
        ("m", 0.5, "mm", 500.0),
        ("kN", 2.0, "N", 2000.0),
        ("U/min", 3000.0, "1/min", 3000.0),
        ("mV", 5.0, "V", 0.005),
        ("mA", 4.0, "A", 0.004),
        ("[bar]", 3.0, "bar", 3.0),
    ],
)
def test_numbers_in_other_units(word, number, unit, expected):
    assert conversion_between(word, unit)(number) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("suffix", UNIT_OF_SUFFIX)
def test_every_unit_of_the_wire_is_known(suffix):
    unit = unit_of_name(f"X{suffix}")

    assert unit == UNIT_OF_SUFFIX[suffix]
    assert conversion_between(unit, unit)(3.5) == 3.5
    assert quantity_of(unit)


@pytest.mark.parametrize(
    ("word", "unit", "words"),
    [
        ("barg", "bar", "gauge or absolute is not guessed"),
        ("psia", "bar", "write psi"),
        ("K", "bar", "is a temperature"),
        ("barg", "kg", "bar is a pressure, and cannot be converted to kg: expected one of kg, g"),
        ("mW", "W", "not known"),
        ("mPa", "bar", "not known"),
        ("celcius", "°C", "is celsius meant?"),
        ("", "bar", "not known"),
    ],
)
def test_units_that_are_refused(word, unit, words):
    with pytest.raises(UnknownUnit, match=words.replace("?", r"\?")):
        conversion_between(word, unit)


def test_other_cases_of_a_word_where_that_is_certain():
    assert unit_named("KPA") == "kPa"
    assert unit_named(" DegC ") == "°C"

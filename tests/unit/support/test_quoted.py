"""The comparison of quoted output finds what is wrong, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.quoted import NUMBER, difference, differences, missing

PRINTED = """\
fitting to 4 series
                 before  after   95 % from  to     unit
time_offset_s         0  9.214       8.1  10.33    s
peak 130.1 °C at 169.8 s, density 29.35 kg/m3, +114.7 % off, -0.0 %
Audit: species within 4.3e-16, energy within 4.8e-08 of 336.3 kJ released
6 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef7, version 0.1.0, 2026-05-04
"""
SAME = [
    "time_offset_s 0 9.214 8.1 10.33 s",
    "time_offset_s   0   9.25  8.1 10.3   s",
    "peak 130.2°C at 170.1 s, density 29.4 kg/m3, +114.6 % off, +0.0 %".replace("2°", "2 °"),
    "Audit: species within 1e-15, energy within 1e-08 of 336.3 kJ released",
    "6 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef7, version 0.1.0, 2026-05-04",
]
OTHER = [
    "time_offset_s 0 9.7 8.1 10.33 s",  # 5 % off
    "time_offset_s 0 -9.214 8.1 10.33 s",
    "time_offset_s 0 9.214e1 8.1 10.33 s",
    "time_offset_s 0 9.214 8.1 10.33 min",
    "time_offset_s 0 9.214 8.1 s",
    "time_offset 0 9.214 8.1 10.33 s",
    "peak 130.1 K at 169.8 s, density 29.35 kg/m3, +114.7 % off, -0.0 %",
    "peak 130.1 °C at 169.8 s, density 29.35 kg/m4, +114.7 % off, -0.0 %",
    "Audit: species within 4.3e-16, energy within 4.8e-03 of 336.3 kJ released",
    "7 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef7, version 0.1.0, 2026-05-04",
    "6 of 30 are assumed; SYSTEM_R2, H_24h, physics 6a13fadf995e0ef7, version 0.1.0, 2026-05-04",
    "6 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef8, version 0.1.0, 2026-05-04",
    "6 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef7, version 0.1.1, 2026-05-04",
    "6 of 30 are assumed; SYSTEM_R1, H_24h, physics 6a13fadf995e0ef7, version 0.1.0, 2026-05-05",
]


@pytest.mark.parametrize("line", SAME)
def test_the_same_but_for_digits_and_layout(line: str) -> None:
    assert missing([line], PRINTED) == []


@pytest.mark.parametrize("line", OTHER)
def test_another_word_or_number(line: str) -> None:
    assert len(missing([line], PRINTED)) == 1


def test_lines_have_an_order_and_gaps() -> None:
    assert missing([SAME[0], SAME[3]], PRINTED) == []
    assert missing([SAME[3], SAME[0]], PRINTED) == [f"out of order: {SAME[0]!r}"]
    assert missing(["nothing of the kind"], PRINTED) == ["is not printed: 'nothing of the kind'"]
    assert missing(["a 5.0 s"], "a 5.5 s") == ["5.0 is now 5.5: 'a 5.0 s', 'a 5.5 s'"]


def test_a_whole_page() -> None:
    assert differences(PRINTED, PRINTED.replace("9.214", "9.22")) == []
    (words,) = differences(PRINTED, PRINTED.replace("9.214", "9.9"))
    assert words.startswith("line 3: 9.214 is now 9.9: ")
    (words,) = differences(PRINTED, PRINTED.replace("peak", "Peak"))
    assert words.startswith("line 4: other words: 'peak 130.1")
    assert differences(PRINTED, PRINTED + "more\n") == ["6 lines, now 7"]
    assert differences(PRINTED, PRINTED.replace("time_offset_s", "")) != []


def test_tolerances_that_are_stated() -> None:
    assert difference("up to 36 K", "up to 37 K") is not None
    assert difference("up to 36 K", "up to 37 K", whole=1.0) is None
    assert difference("a 1.000", "a 1.004", relative=0.0) is not None
    assert difference("a 1.000", "a 1.001", relative=0.0) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("-1.5e-3 kg, 12%, 130.1C, +4 K", ["-1.5e-3", "12", "130.1", "+4"]),
        ("x=3, H_24h x2 1.2.3 0.1.0", ["3"]),
    ],
)
def test_what_counts_as_a_number(text: str, numbers: list[str]) -> None:
    assert NUMBER.findall(text) == numbers

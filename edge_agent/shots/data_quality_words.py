"""Quality of the data of a shot in words: what stood in, was left out, came late or is amiss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.data_quality import CORRECTED, FLAGS, LEFT_OUT_REASONS, STOOD_IN
from edge_agent.shots.shot_readings import PROBE_HOT

NOTHING = "Nothing was left out, replaced or corrected."
_LEFT_OUT = LEFT_OUT_REASONS | {PROBE_HOT: "the probe still held the heat of the part before"}


def in_words(
    *,
    stood_in: Mapping[str, str] | None = None,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
    corrected: Iterable[str] = (),
    flags: Iterable[str] = (),
    clock_offset_s: float | None = None,
) -> list[str]:
    """Sentences on the data of a shot; none when nothing is amiss.

    Args:
        stood_in: by input, of ``broker.data_quality.STOOD_IN``.
        left_out: readings that were not used, by channel and reason.
        corrected: why a result was corrected later.
        flags: what else is amiss.
        clock_offset_s: clock of the press against that of the twin [s].
    """
    lines = [
        f"No reading of {name} at the pour: {_of(STOOD_IN, code)} stood in."
        for name, code in sorted((stood_in or {}).items())
    ]
    for channel, reasons in sorted((left_out or {}).items()):
        for code, count in sorted(reasons.items()):
            readings = "1 reading" if count == 1 else f"{count} readings"
            lines.append(f"{readings} of {channel} left out: {_of(_LEFT_OUT, code)}.")
    lines += [f"Corrected later: {_of(CORRECTED, code)}." for code in corrected]
    if clock_offset_s is not None:
        ahead = "ahead" if clock_offset_s > 0 else "behind"
        lines.append(f"The clock of the press is {abs(clock_offset_s):.0f} s {ahead}.")
    lines += [f"Also: {_of(FLAGS, code)}." for code in flags]
    return lines


def _of(meanings: Mapping[str, str], code: str) -> str:
    """Meaning of a code with the code; a newer program may have one that is not known here."""
    found = meanings.get(code)
    if found is None:
        return code
    return f"{found.partition(': ')[2] if meanings is STOOD_IN else found} ({code})"

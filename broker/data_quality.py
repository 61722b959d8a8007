"""Words for what is wrong with data and yet no dead letter: closed lists, each with its meaning.

They travel in `left_out` of a frame, in `data_quality` of a prediction, and in `readings_left_out`
and `corrected` of a result.
"""

from __future__ import annotations

from typing import Final

NO_VALUE: Final = "no-value"
NOT_A_NUMBER: Final = "not-a-number"
IMPOSSIBLE: Final = "impossible"
CONTRADICTS: Final = "contradicts"

LEFT_OUT_REASONS: Final = {
    NO_VALUE: "null: the channel gave nothing",
    NOT_A_NUMBER: "a text, true, NaN or anything else that is no finite number, or no state",
    IMPOSSIBLE: "outside the range of what is possible: a broken sensor or wire",
    CONTRADICTS: "the same channel came in another unit, too, with another value",
}
"""Why a reading was left out."""

FROM_RECIPE: Final = "recipe"
FROM_EARLIER: Final = "earlier-reading"
FROM_DEFAULT: Final = "default"

STOOD_IN: Final = {
    FROM_RECIPE: "no reading: the set point of the recipe",
    FROM_EARLIER: "the last reading is impossible: the last plausible one before it",
    FROM_DEFAULT: "neither reading nor set point: a usual value",
}
"""What stood in for an input that has no plausible reading at the pour."""

LATE_START: Final = "late-start"
LATE_POUR: Final = "late-pour"
LATE_END: Final = "late-end"
LATE_READINGS: Final = "late-readings"
OTHER_MOLD: Final = "other-mold"

CORRECTED: Final = {
    LATE_START: "the start of the shot was reported after a result",
    LATE_POUR: "the pour was reported, or corrected, after a result",
    LATE_END: "the end was reported after the shot counted as ended",
    LATE_READINGS: "readings of the shot came after a result",
    OTHER_MOLD: "the pour named another mold than the start",
}
"""Why a revision corrects an earlier one."""

CLOCK_AHEAD: Final = "clock-ahead"
CLOCK_BEHIND: Final = "clock-behind"
NOT_LIVE: Final = "not-live"
RECIPE_GAP: Final = "recipe-gap"
NAME_NOT_KNOWN: Final = "name-not-known"
MOLD_CHANGED: Final = "mold-changed"

FLAGS: Final = {
    CLOCK_AHEAD: "the clock of the press is ahead: absolute times are wrong",
    CLOCK_BEHIND: "the clock of the press is behind: absolute times are wrong",
    NOT_LIVE: "made of messages that were retained or old: it completes the past",
    RECIPE_GAP: "the recipe names an input and gives no value for it",
    NAME_NOT_KNOWN: "a name is not known and nearly one that is: it was not used",
    MOLD_CHANGED: "started on one mold and poured into another: the pour decides",
}
"""Further marks of a prediction or result."""

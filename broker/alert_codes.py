"""Codes of the alerts on ``…/twin/alert``: the closed set, each with its meaning for people."""

from __future__ import annotations

from typing import Final

SHOT_WITHOUT_POUR: Final = "shot-without-pour"
TOO_MANY_SHOTS: Final = "too-many-open-shots"
OPENED_BEFORE_WINDOW: Final = "opened-before-window"
MODEL_REFUSED: Final = "ml-model-refused"
PARAMETER_SET_REFUSED: Final = "parameter-set-refused"
NO_CORRECTIONS: Final = "no-corrections"
CORRECTIONS_BACK: Final = "corrections-again"
DRIFT_WARNING: Final = "drift-warning"
DRIFT_ALERT: Final = "drift-alert"
DRIFT_OVER: Final = "drift-over"
SPOOL_REFUSED: Final = "spool-refused"
SPOOL_TAKES_AGAIN: Final = "spool-takes-again"
SPOOL_THINNED: Final = "spool-thinned"
SPOOL_FULL: Final = "spool-full"
SPOOL_HAS_ROOM: Final = "spool-has-room"
SPOOL_SALVAGED: Final = "spool-salvaged"
HISTORY_AWAY: Final = "history-away"
HISTORY_BACK: Final = "history-back"
PUBLISH_REFUSED: Final = "publish-refused"
TWO_AGENTS: Final = "two-agents-of-one-name"
GAVE_WAY: Final = "agent-gave-way"
MOLD_CHANGED: Final = "shot-changed-mold"
SECOND_END: Final = "second-end"
POURED_AGAIN: Final = "poured-again"
PRESS_CLOCK: Final = "press-clock-wrong"
PRESS_CLOCK_RIGHT: Final = "press-clock-right-again"
IMPOSSIBLE_READINGS: Final = "impossible-readings"
READINGS_LEFT_OUT: Final = "readings-left-out"
NAME_NOT_KNOWN: Final = "unknown-name"
RECIPE_GAP: Final = "gap-in-recipe"
RECORD_OF_SEVERAL: Final = "quality-record-of-several-shots"
RECORD_WITHOUT_SHOT: Final = "quality-record-without-shot"
READINGS_WITHOUT_SHOT: Final = "readings-without-shot"

ALERT_CODES: Final = {
    SHOT_WITHOUT_POUR: "a shot ended and no pour was reported: nothing was simulated",
    TOO_MANY_SHOTS: "a press has more open shots than it can: the oldest counts as ended",
    OPENED_BEFORE_WINDOW: "a mold was opened earlier than the prediction allowed: check the part",
    MODEL_REFUSED: "a model that is promoted, or in shadow, cannot be used",
    PARAMETER_SET_REFUSED: "a parameter set that is promoted cannot be used",
    NO_CORRECTIONS: "a mold is poured into, a model is promoted, and it has corrected nothing",
    CORRECTIONS_BACK: "shots of the mold are corrected again",
    DRIFT_WARNING: "the newest shots differ somewhat from those that the model learned from",
    DRIFT_ALERT: "the newest shots differ much from those that the model learned from",
    DRIFT_OVER: "the newest shots look again like those that the model learned from",
    SPOOL_REFUSED: "the disk refuses the spool: nothing is acknowledged, predictions are unsaved",
    SPOOL_TAKES_AGAIN: "the disk takes the spool again",
    SPOOL_THINNED: "the history was away for long: raw frames are given up",
    SPOOL_FULL: "the spool is full: messages stay at the broker",
    SPOOL_HAS_ROOM: "the spool takes everything again",
    SPOOL_SALVAGED: "the spool was damaged or lost; what was readable was saved",
    HISTORY_AWAY: "the history cannot be reached: its rows wait in the spool",
    HISTORY_BACK: "the history takes rows again",
    PUBLISH_REFUSED: "the broker refuses messages of the twin: nobody hears them",
    TWO_AGENTS: "another agent with this site and agent_id was started, and gives way",
    GAVE_WAY: "a second agent with this site and agent_id has ended",
    MOLD_CHANGED: "a shot was started on one mold and poured into another: the pour decides",
    SECOND_END: "a shot was ended twice: the first end counts",
    POURED_AGAIN: "the next shot of a mold began seconds after a pour: perhaps both are one",
    PRESS_CLOCK: "the clock of a press is wrong: times of opening are counted from arrival",
    PRESS_CLOCK_RIGHT: "the clock of a press is right again",
    IMPOSSIBLE_READINGS: "a sensor reports what cannot be: its readings are left out",
    READINGS_LEFT_OUT: "a channel gives no number: its readings are left out",
    NAME_NOT_KNOWN: "a name is nearly one that is known: what it says is not used",
    RECIPE_GAP: "a recipe names an input and gives no value",
    RECORD_OF_SEVERAL: "molds share the shot id of a quality record that names none of them",
    RECORD_WITHOUT_SHOT: "a quality record is of no shot that was poured before it",
    READINGS_WITHOUT_SHOT: "readings of a part belong to no shot, though one cures",
}
"""Every code with its meaning."""

ENDED_BY: Final = {
    NO_CORRECTIONS: CORRECTIONS_BACK,
    DRIFT_WARNING: DRIFT_OVER,
    DRIFT_ALERT: DRIFT_OVER,
    SPOOL_REFUSED: SPOOL_TAKES_AGAIN,
    SPOOL_THINNED: SPOOL_HAS_ROOM,
    SPOOL_FULL: SPOOL_HAS_ROOM,
    HISTORY_AWAY: HISTORY_BACK,
    PRESS_CLOCK: PRESS_CLOCK_RIGHT,
}
"""Conditions, each with the code that says that it is over. Every other alert is a note, which a
person closes by acknowledging it."""
OF_THE_AGENT: Final = frozenset({SPOOL_REFUSED, SPOOL_THINNED, SPOOL_FULL, HISTORY_AWAY})
"""Conditions of the agent or its disk: they do not go with a press to another agent."""

"""The prediction: when a part may be demolded, on what that rests, and how sure it is."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from broker.errors import RefusalCode
from broker.ids import Identifier, ShotKey
from broker.messages.base import (
    NAMES_LIMIT,
    Code,
    Count,
    Counts,
    Evidence,
    Label,
    Message,
    Name,
    Readings,
    Revision,
    Share,
    WireModel,
    Words,
    refusal,
)
from broker.timestamps import Timestamp

Basis = Literal["poured", "live", "final"]
"""Kinds of prediction."""


class Kpis(WireModel):
    """What the simulation of a shot comes to. Times count from the end of injection."""

    rho_moulded_kg_per_m3: float
    rho_free_rise_kg_per_m3: float | None = None
    p_max_bar: float
    """Highest cavity pressure, absolute."""
    T_core_max_C: float
    t_T_core_max_s: float | None = None
    t_cream_s: float | None = None
    t_gel_s: float | None = None
    t_rise_s: float | None = None
    t_tack_free_s: float | None = None
    H_demold_shore: float | None = None
    H_24h_shore: float | None = None
    alpha_demold: float | None = None
    """Conversion at the demolding time, 0 to 1."""
    vent_closure_time_s: float | None = None
    fill_ratio: float
    """Volume of the foam to volume of the cavity."""
    nco_oh_index: float
    """NCO to OH equivalents as a fraction (1.05)."""
    water_from_polyol_kg: float
    water_from_rh_kg: float
    """Water the air's humidity adds."""
    water_effective_kg: float


class Interval(WireModel):
    """Where a quantity lies with the probability `coverage`, in the quantity's own unit."""

    low: float
    high: float
    coverage: Share

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.low > self.high:
            raise refusal(RefusalCode.INVALID_FIELD, "low is above high", "low")
        return self


Layer = Literal["learner", "faded", "memory"]
"""Layers of a correction: what was learned of many shots; the running level of the mold."""


class IntervalRecord(WireModel):
    """How often results of a mold lay inside the intervals that were said at their pours."""

    results_count: Count
    inside_fraction: Share
    worst_fraction: Share | None = None
    """Of the worst 100 consecutive results; None before there are so many."""


class Correction(WireModel):
    """What a learned model expects instead of the physics, quantity by quantity."""

    model: Label
    """Name and version: `pour/3`."""
    known_at: Literal["pour", "live", "demold"]
    """What it looks at: nothing that is known later."""
    in_domain: bool
    """False when the shot is unlike those it learned from: `words` say in what."""
    words: Words | None = None
    """Why the learner does not answer for a quantity, or not alone."""
    layers: Annotated[dict[Name, Layer], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """Which layer a value comes from, by the name of the quantity: `faded` is between the two;
    older versions did not send it."""
    reasons: Annotated[dict[Name, Code], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """Why the learner does not answer for a quantity, or not alone: of
    `broker.ml_status.ML_REASONS`; also for quantities without a value."""
    records: Annotated[dict[Name, IntervalRecord], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """How the intervals of the mold have held so far, by the name of the quantity."""
    values: Readings = Field(default_factory=dict)
    """By the name of the quantity: `rho_moulded_kg_per_m3`; empty when withheld."""
    intervals: Annotated[dict[Name, Interval], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """By the name of the quantity."""
    defect_risk: Share | None = None
    """Probability of any defect."""
    defects: Annotated[dict[Name, Share], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """Probability by kind of defect."""


class Binding(WireModel):
    """Which condition sets the earliest and the latest demolding time."""

    earliest: Label | None = None
    latest: Label | None = None


class WindowEnd(WireModel):
    """The number that an end of the demolding window rests on."""

    criterion: Label
    limit: float | None = None
    unit: Label
    layer: int | None = None
    """From wall 1, counted from 1; None where no single layer decides."""
    layers_count: Count
    """Of the model; 1: a quick window that does not resolve skin and core."""


class Release(WireModel):
    """What becomes of a part that is opened at a time: until it is cold."""

    swell_mm: float
    """Largest growth of the thickness."""
    swell_ratio: float
    shrink_mm: float
    shrink_ratio: float


class WindowInterval(WireModel):
    """How far the earliest time moves with the numbers of the material that nobody measured: each
    is varied alone, and their ways are added like independent ones. A range, no probability."""

    t_demold_min_low_s: float
    t_demold_min_high_s: float | None = None
    """None: there may be no window within the longest cycle."""
    swell_low_mm: float
    """Of a part that is opened at the earliest time."""
    swell_high_mm: float
    varied_count: Count
    """Numbers that were varied; those that are assumed at all: `assumed_parameters_count`."""


class Diagnostic(WireModel):
    """Something about the shot that stands out: a code, words for people, the evidence."""

    code: Code
    words: Words
    evidence: Evidence = Field(default_factory=dict)


class DataQuality(WireModel):
    """How good the data are that a prediction rests on: all empty when nothing was amiss."""

    stood_in: Annotated[dict[Name, Code], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """Inputs without a plausible reading at the pour, and what stood in: of
    `broker.data_quality.STOOD_IN`."""
    readings_left_out: Counts = Field(default_factory=dict)
    """Readings of the shot so far that were not used, by channel and reason."""
    frames_count: Count | None = None
    """Telemetry frames of the shot so far."""
    clock_offset_s: float | None = None
    """Clock of the press against that of the twin; above 0 it is ahead. None: nothing is wrong."""
    flags: Annotated[list[Code], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """What else is amiss: of `broker.data_quality.FLAGS`."""


class Versions(WireModel):
    """What computed the prediction; enough to compute it again."""

    agent: Label
    physics: Label
    physics_hash: Label
    parameters_hash: Label
    system_version: Revision | None = None
    """Version of the material system; None when nothing was simulated."""
    parameter_set: Label | None = None
    """Calibration on production that the mold uses, `SYSTEM_R1-c3`; None: none. Older versions did
    not send it."""
    model: Label | None = None
    """The learned correction, or None for physics alone."""


class Prediction(Message):
    """When the part of a shot may be demolded; retained per mold, revised while it cures."""

    site: Identifier
    press: Identifier
    shot_id: Identifier
    shot_key: ShotKey | None = None
    """Identity of the shot, also when its `shot_id` comes again; older versions did not send it."""
    mold_id: Identifier
    system_id: Identifier
    issued_at: Timestamp
    basis: Basis
    """What it rests on: the recipe, the readings so far, or the whole shot."""
    revision: Revision
    """Number of this prediction: larger than that of every earlier one of the shot."""
    status: Literal["predicted", "hold"]
    """`hold`: no demolding time can be given; `diagnostics` say why, or `window` is `none`."""
    poured_at: Timestamp
    """End of injection: all times in seconds count from here."""
    t_demold_min_s: float | None = None
    t_demold_opt_s: float | None = None
    t_demold_max_s: float | None = None
    demold_min_at: Timestamp | None = None
    demold_opt_at: Timestamp | None = None
    demold_max_at: Timestamp | None = None
    kpis: Kpis | None = None
    quality_status: Literal["OK", "MARGINAL", "FAIL"] | None = None
    pressure_status: Literal["SAFE", "NEAR_LIMIT", "OVER_LIMIT"] | None = None
    defect_risk: Share | None = None
    binding: Binding = Binding()
    window: Literal["layered", "quick", "none"] | None = None
    """Model behind the window; `quick` does not tell skin from core; `none`: an open cup, which
    nobody opens. Older versions did not send it."""
    shore_scale: Literal["A", "D"] | None = None
    """Scale of the hardnesses in `kpis`; older versions did not send it."""
    earliest_end: WindowEnd | None = None
    """What `binding.earliest` rests on; older versions did not send it."""
    latest_end: WindowEnd | None = None
    at_min: Release | None = None
    """Swell and shrink of a part opened at `t_demold_min_s`; older versions did not send it."""
    at_opt: Release | None = None
    """The same at `t_demold_opt_s`."""
    demold_interval: WindowInterval | None = None
    """Of the recipe, computed beside the shots: the first predictions of a recipe do not have it
    yet; older versions did not send it."""
    diagnostics: Annotated[list[Diagnostic], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=list
    )
    substituted: Annotated[list[Label], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """Inputs that were not measured, and what stood in."""
    assumed_parameters_count: Count
    """Parameters of the material and mold that nobody measured."""
    measured: Readings = Field(default_factory=dict)
    """Latest readings of the running shot."""
    simulated_now: Readings = Field(default_factory=dict)
    """The simulation at the same moment, by the same names."""
    versions: Versions
    ml_status: Code
    """`ok`, or why no learned correction was used."""
    correction: Correction | None = None
    """What a learned model makes of it, beside the physics; else `ml_status` says why not."""
    shadow: Correction | None = None
    """What a candidate would say that is being compared: for the history, not for use."""
    data_quality: DataQuality | None = None
    """Which inputs stood in and which readings were left out; older versions did not send it."""
    corrected: Annotated[list[Code], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """Not empty when the revision corrects an earlier one by what came late: why, of
    `broker.data_quality.CORRECTED`."""
    received_at: Timestamp | None = None
    """When the newest message that it rests on was received."""
    valid_until: Timestamp | None = None

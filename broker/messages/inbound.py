"""Messages of the press, its gateway and the laboratory."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from broker.errors import RefusalCode
from broker.ids import Identifier, ShotKey
from broker.messages.bad_results import BOUNDS, without_bad_results
from broker.messages.bad_set_points import without_bad_set_points
from broker.messages.base import (
    NAMES_LIMIT,
    Label,
    Message,
    Name,
    Percent,
    Positive,
    Readings,
    Reference,
    Scalar,
    Sequence,
    Share,
    WireModel,
    Words,
    refusal,
    with_current_names,
)
from broker.messages.left_out import (
    LEFT_OUT_LIMIT,
    LeftOut,
    in_known_units,
    set_aside,
    without_nothing,
)
from broker.messages.recipe import Recipe
from broker.near_names import meant_in, meant_sensor
from broker.sensors import SENSOR_PATTERN, SUFFIXES_TEXT, has_unit
from broker.timestamps import Timestamp

QUALITY_NAMES = {
    "rho_moulded": "rho_moulded_kg_per_m3",
    "rho_free_rise": "rho_free_rise_kg_per_m3",
    "H_demold": "H_demold_shore",
    "H_24h": "H_24h_shore",
}
"""Names of the first generation that a quality record still accepts, and what they are now."""


def _way_out(name: str) -> str:
    known = meant_sensor(name)
    hint = "" if known is None else f"is {known} meant? "
    return f"{hint}Numbers without a unit belong into metrics"


def _names_carry_units(sensors: dict[str, float]) -> dict[str, float]:
    for name in sensors:
        if not has_unit(name):
            raise refusal(
                RefusalCode.INVALID_FIELD,
                f"sensor name {name[:64]!r} must end in its unit, one of {SUFFIXES_TEXT}; "
                f"{_way_out(name)}",
                name,
            )
    return sensors


class TelemetryFrame(Message):
    """Readings of one device at one moment."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {name: {"minProperties": 1}}, "required": [name]}
                for name in ("sensors", "metrics", "status", "left_out")
            ]
        }
    )

    ts: Timestamp
    """When the device read them."""
    device_id: Identifier
    seq: Sequence
    """Counts the frames of the device; a step of more than one is a gap."""
    mold_id: Identifier | None = None
    shot_id: Identifier | None = None
    sensors: Annotated[Readings, AfterValidator(_names_carry_units)] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"pattern": SENSOR_PATTERN}}
    )
    """Physical readings; each name ends in its unit (`broker.sensors`). What is no number costs
    its channel, which moves to `left_out`; T_mold_K, p_cavity_Pa … are read as T_mold_C,
    p_cavity_bar."""
    metrics: Readings = Field(default_factory=dict)
    """Other numbers: counters, set points, controller outputs."""
    status: Annotated[dict[Name, Scalar], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """States: modes, interlocks, program names."""
    left_out: Annotated[dict[Name, LeftOut], Field(max_length=LEFT_OUT_LIMIT)] = Field(
        default_factory=dict
    )
    """Channels without a reading in this frame: what a gateway, the decoder or the agent left
    out. The others are not lost with them."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @classmethod
    def prepared(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The document in known units, with what is no reading in `left_out`."""
        return in_known_units(set_aside(without_nothing(document)))

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.sensors or self.metrics or self.status or self.left_out):
            words = "expected at least one entry in sensors, metrics or status"
            for name, known in meant_in(self.model_extra or {}, ("sensors", "metrics")).items():
                words += f"; {name[:64]!r} is there: is {known} meant?"
            raise refusal(RefusalCode.MISSING_FIELD, words, "sensors")
        return self


class ShotEvent(Message):
    """A step in the life of a shot; when it was poured, with what."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"event": {"const": "poured"}}},
            "then": {
                "properties": {"system_id": {"type": "string"}, "recipe": {"type": "object"}},
                "required": ["system_id", "recipe"],
            },
        }
    )

    ts: Timestamp
    """When it happened."""
    shot_id: Identifier
    mold_id: Identifier
    event: Literal["started", "poured", "demolded", "aborted"]
    system_id: Identifier | None = None
    """The material system; required when poured."""
    recipe: Recipe | None = None
    """Required when poured."""
    order_id: Reference | None = None
    """The order that the part is made for (`Order`)."""
    lot_polyol: Reference | None = None
    """Lot of the polyol side, as it is printed on drum or delivery note."""
    lot_isocyanate: Reference | None = None
    lot_additives: Reference | None = None
    left_out: Annotated[dict[Name, LeftOut], Field(max_length=LEFT_OUT_LIMIT)] = Field(
        default_factory=dict
    )
    """Set points of the recipe that cannot be: texts, NaN, 3276.7 °C. They are gaps of it."""
    device_id: Identifier | None = None
    """Who sent it, for a gateway that waits for `…/twin/received`."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @classmethod
    def prepared(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The document with set points that cannot be in `left_out`."""
        return without_bad_set_points(document)

    @model_validator(mode="after")
    def _poured_is_complete(self) -> Self:
        if self.event == "poured":
            for name in ("system_id", "recipe"):
                if getattr(self, name) is None:
                    raise refusal(
                        RefusalCode.MISSING_FIELD, f"a poured event needs its {name}", name
                    )
        return self


class EarlierRecord(WireModel):
    """An earlier quality record of the same shot: by its number, or its time."""

    record_id: Reference | None = None
    ts: Timestamp | None = None
    """Time of the record as it was sent."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.record_id is None and self.ts is None:
            words = "expected the record_id or the ts of the earlier record"
            raise refusal(RefusalCode.MISSING_FIELD, words, "record_id")
        return self


class QualityRecord(Message):
    """What laboratory or vision found on a part, often hours after the shot.

    The first generation's names are read too: rho_moulded, rho_free_rise, H_demold, H_24h.
    """

    ts: Timestamp
    """When it was measured."""
    shot_id: Identifier
    shot_key: ShotKey | None = None
    """Identity of the shot, from any payload of the twin about it; where it is missing, the newest
    shot of this id counts that was poured before `ts`."""
    mold_id: Identifier | None = None
    rho_moulded_kg_per_m3: Positive | None = None
    rho_free_rise_kg_per_m3: Positive | None = None
    H_demold_shore: Percent | None = None
    """Shore hardness at demolding, 0 to 100."""
    H_24h_shore: Percent | None = None
    """Shore hardness after 24 hours, 0 to 100."""
    t_demold_safe_s: Positive | None = None
    """Earliest opening that did no harm, by trial or by a sensor in the mold; from the end of
    injection."""
    defects: Annotated[list[Label], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """Names of defects; empty when none was found."""
    defect_risk_operator: Share | None = None
    """How bad the operator judged the part, 0 good to 1 scrap."""
    scrap: bool | None = None
    """True when the part was thrown away, false when it was kept; None where nobody decided."""
    note: Words | None = None
    operator: Label | None = None
    """Who made the record: a person's name, number or sign."""
    source: Label | None = None
    """Where it comes from: the laboratory, a camera, the page at the press."""
    record_id: Reference | None = None
    """Number of the record where it was made."""
    left_out: Annotated[dict[Name, LeftOut], Field(max_length=LEFT_OUT_LIMIT)] = Field(
        default_factory=dict
    )
    """Results that cannot be: texts, NaN, 120 Shore. The others are not lost with them."""
    corrects: EarlierRecord | None = None
    """The earlier record that this one replaces."""
    device_id: Identifier | None = None
    """Who sent it, for a gateway that waits for `…/twin/received`."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @classmethod
    def prepared(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The document with what is no result in `left_out`."""
        return without_bad_results(document, QUALITY_NAMES)

    @model_validator(mode="before")
    @classmethod
    def _first_generation(cls, data: Any) -> Any:
        return with_current_names(data, QUALITY_NAMES)

    @property
    def defects_found(self) -> tuple[str, ...] | None:
        """Defects of the part; None where nobody can know: what was sent is no list of names."""
        if "defects" in self.left_out and not self.defects:
            return None
        return tuple(self.defects)

    @model_validator(mode="after")
    def _has_a_result(self) -> Self:
        if self.left_out and not self._says_something():
            name, left = next(iter(self.left_out.items()))
            more = f", and {len(self.left_out) - 1} more" if len(self.left_out) > 1 else ""
            words = f"nothing of the record can be used: {left.words or left.reason}{more}"
            raise refusal(RefusalCode.INVALID_FIELD, words, name)
        return self

    def _says_something(self) -> bool:
        numbers = (getattr(self, name) for name in BOUNDS)
        said = "defects" in self.model_fields_set and self.defects_found is not None
        return said or self.scrap is not None or any(value is not None for value in numbers)

"""What the press, its gateway and the laboratory send."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from broker.errors import RefusalCode
from broker.ids import Identifier, ShotKey
from broker.messages.base import (
    NAMES_LIMIT,
    Label,
    Message,
    Name,
    NotNegative,
    Percent,
    Positive,
    Readings,
    Scalar,
    Share,
    WireModel,
    Words,
    integral,
    refusal,
)
from broker.sensors import SENSOR_PATTERN, SUFFIXES_TEXT, has_unit
from broker.timestamps import Timestamp

SEQ_MAX = 2**53
"""The largest sequence number every JSON reader keeps exactly."""

RECIPE_NAMES = {
    "m_polyol": "m_polyol_kg",
    "m_iso": "m_iso_kg",
    "m_additives": "m_additives_kg",
    "T_polyol_in_C": "T_polyol_C",
    "T_iso_in_C": "T_iso_C",
    "T_mold_init_C": "T_mold_C",
}
"""Names of the first generation that a recipe still accepts, and what they are called now."""

QUALITY_NAMES = {
    "rho_moulded": "rho_moulded_kg_per_m3",
    "rho_free_rise": "rho_free_rise_kg_per_m3",
    "H_demold": "H_demold_shore",
    "H_24h": "H_24h_shore",
}
"""Names of the first generation that a quality record still accepts, and what they are now."""

Temperature = Annotated[float, Field(ge=-50, le=250)]
"""°C."""


def _names_carry_units(sensors: dict[str, float]) -> dict[str, float]:
    for name in sensors:
        if not has_unit(name):
            raise refusal(
                RefusalCode.INVALID_FIELD,
                f"sensor name {name[:64]!r} must end in its unit, one of {SUFFIXES_TEXT}; "
                "numbers without a unit belong into metrics",
                name,
            )
    return sensors


def _with_current_names(data: Any, names: dict[str, str]) -> Any:
    """`data` with the first generation's `names` replaced; refused when both are given."""
    if not isinstance(data, dict) or names.keys().isdisjoint(data):
        return data
    renamed = dict(data)
    for old, new in names.items():
        if old in renamed:
            if new in renamed:
                raise _both(old, new)
            renamed[new] = renamed.pop(old)
    return renamed


def _both(old: str, new: str) -> Exception:
    return refusal(
        RefusalCode.INVALID_FIELD, f"{old} is the older name of {new}: expected only one", old
    )


class TelemetryFrame(Message):
    """Readings of one device at one moment."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {name: {"minProperties": 1}}, "required": [name]}
                for name in ("sensors", "metrics", "status")
            ]
        }
    )

    ts: Timestamp
    """When the device read them."""
    device_id: Identifier
    seq: Annotated[int, Field(ge=0, le=SEQ_MAX), BeforeValidator(integral)]
    """Counts the frames of the device; a step of more than one is a gap."""
    mold_id: Identifier | None = None
    shot_id: Identifier | None = None
    sensors: Annotated[Readings, AfterValidator(_names_carry_units)] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"pattern": SENSOR_PATTERN}}
    )
    """Physical readings; each name ends in its unit (`broker.sensors`)."""
    metrics: Readings = Field(default_factory=dict)
    """Other numbers: counters, set points, controller outputs."""
    status: Annotated[dict[Name, Scalar], Field(max_length=NAMES_LIMIT)] = Field(
        default_factory=dict
    )
    """States: modes, interlocks, program names."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.sensors or self.metrics or self.status):
            raise refusal(
                RefusalCode.MISSING_FIELD,
                "expected at least one entry in sensors, metrics or status",
                "sensors",
            )
        return self


class Recipe(WireModel):
    """What was poured and under which conditions; what is not known stays away.

    The first generation's names are read too: m_polyol, m_iso, m_additives, T_polyol_in_C,
    T_iso_in_C, T_mold_init_C, and RH_ambient as a fraction 0 to 1.
    """

    m_polyol_kg: Positive
    m_iso_kg: Positive
    m_additives_kg: NotNegative = 0.0
    T_polyol_C: Temperature | None = None
    T_iso_C: Temperature | None = None
    T_mold_C: Temperature | None = None
    T_ambient_C: Temperature | None = None
    RH_ambient_pct: Percent | None = None
    mixing_eff: Share | None = None
    """Mixing efficiency, 1 is perfect."""
    nco_oh_index: Annotated[float, Field(ge=0.1, le=10)] | None = None
    """NCO to OH equivalents as a fraction (1.05), not the trade number (105)."""
    blowing_agent_pct: Percent | None = None
    """Physical blowing agent in the polyol side, % by mass."""

    @model_validator(mode="before")
    @classmethod
    def _first_generation(cls, data: Any) -> Any:
        data = _with_current_names(data, RECIPE_NAMES)
        if not isinstance(data, dict) or "RH_ambient" not in data:
            return data
        if "RH_ambient_pct" in data:
            raise _both("RH_ambient", "RH_ambient_pct")
        renamed = dict(data)
        fraction = renamed.pop("RH_ambient")
        if isinstance(fraction, bool) or not isinstance(fraction, int | float):
            raise refusal(RefusalCode.INVALID_FIELD, "expected a number 0 to 1", "RH_ambient")
        if not 0 <= fraction <= 1:
            raise refusal(
                RefusalCode.INVALID_FIELD,
                "RH_ambient is a fraction 0 to 1; for per cent use RH_ambient_pct",
                "RH_ambient",
            )
        renamed["RH_ambient_pct"] = 100.0 * fraction
        return renamed


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

    @model_validator(mode="after")
    def _poured_is_complete(self) -> Self:
        if self.event == "poured":
            for name in ("system_id", "recipe"):
                if getattr(self, name) is None:
                    raise refusal(
                        RefusalCode.MISSING_FIELD, f"a poured event needs its {name}", name
                    )
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
    note: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _first_generation(cls, data: Any) -> Any:
        return _with_current_names(data, QUALITY_NAMES)

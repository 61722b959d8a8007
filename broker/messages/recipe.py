"""The recipe of a shot: what was poured and under which conditions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from broker.errors import RefusalCode
from broker.messages.base import (
    NotNegative,
    Percent,
    Positive,
    WireModel,
    both_names,
    is_number,
    refusal,
    with_current_names,
)
from broker.units import conversion

RECIPE_NAMES = {
    "m_polyol": "m_polyol_kg",
    "m_iso": "m_iso_kg",
    "m_additives": "m_additives_kg",
    "T_polyol_in_C": "T_polyol_C",
    "T_iso_in_C": "T_iso_C",
    "T_mold_init_C": "T_mold_C",
}
"""Names of the first generation that a recipe still accepts, and what they are called now."""

MASSES = ("m_polyol_kg", "m_iso_kg", "m_additives_kg")
"""Without one of these nothing can be simulated."""

Temperature = Annotated[float, Field(ge=-50, le=250)]
"""°C."""


class Recipe(WireModel):
    """What was poured and under which conditions; what is not known stays away.

    The first generation's names are read too: m_polyol, m_iso, m_additives, T_polyol_in_C,
    T_iso_in_C, T_mold_init_C, and RH_ambient as a fraction 0 to 1; so are other units of the
    contract (T_mold_K). A null says that the value is not known: a gap, which is reported.
    """

    m_polyol_kg: Positive
    m_iso_kg: Positive
    m_additives_kg: NotNegative = 0.0
    T_polyol_C: Temperature | None = None
    T_iso_C: Temperature | None = None
    T_mold_C: Temperature | None = None
    T_ambient_C: Temperature | None = None
    RH_ambient_pct: Percent | None = None
    mixing_eff: Annotated[float, Field(gt=0, le=1)] | None = None
    """Mixing efficiency, 1 is perfect."""
    nco_oh_index: Annotated[float, Field(ge=0.1, le=10)] | None = None
    """NCO to OH equivalents as a fraction (1.05), not the trade number (105)."""
    blowing_agent_pct: Annotated[float, Field(ge=0, lt=60)] | None = None
    """Physical blowing agent in the polyol side, % by mass."""

    @model_validator(mode="before")
    @classmethod
    def _first_generation(cls, data: Any) -> Any:
        data = with_current_names(data, RECIPE_NAMES)
        if not isinstance(data, dict):
            return data
        data = _in_known_units(data)
        if "RH_ambient" not in data:
            return data
        if "RH_ambient_pct" in data:
            raise both_names("RH_ambient", "RH_ambient_pct")
        renamed = dict(data)
        fraction = renamed.pop("RH_ambient")
        if fraction is None:
            renamed["RH_ambient_pct"] = None  # a gap, as under the current name
            return renamed
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

    @model_serializer(mode="wrap")
    def _without_what_was_not_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A null means a gap, so a field that was never set is not written as one."""
        found: dict[str, Any] = handler(self)
        said = self.model_fields_set
        return {k: v for k, v in found.items() if v is not None or k in said or k in self._more()}

    def _more(self) -> dict[str, Any]:
        return self.__pydantic_extra__ or {}


def _in_known_units(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with `T_mold_K` as `T_mold_C`; another one that contradicts stays where it is."""
    found = data
    for name, value in data.items():
        known = conversion(name)
        if known is None or known.name not in _FIELDS or not is_number(value):
            continue
        found = dict(found) if found is data else found
        beside = found.get(known.name)
        if beside is None:
            found[known.name] = known(found.pop(name))
        elif is_number(beside) and known.agrees(value, beside):
            del found[name]
    return found


_FIELDS = frozenset(Recipe.model_fields)

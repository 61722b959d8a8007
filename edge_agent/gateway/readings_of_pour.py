"""Values that a shot's event takes along: mold, id, and at the pour the recipe, lots and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from broker.data_quality import IMPOSSIBLE, NOT_A_NUMBER
from broker.messages.bad_set_points import SET_POINTS
from broker.messages.recipe import MASSES
from edge_agent.config.gateway_settings import ChannelFrom, Station, TextFrom
from edge_agent.gateway.channels import Channel, LeftOut, channel, no_value
from edge_agent.gateway.texts import NoText, named_id, reference_of, text_from
from edge_agent.links.tag_source import Value

ValueAt = Callable[[str, int], tuple[Value | None, str]]
"""Value of a tag at or before a moment, or None and why it has none."""
_TEXTS = ("order_id", "lot_polyol", "lot_isocyanate", "lot_additives")


class PourReader:
    """Reads what an event of a station takes along."""

    def __init__(self, station: Station, value_at: ValueAt) -> None:
        """Prepare the conversions.

        Args:
            station: a station with shots.
            value_at: looks a value up.

        Raises:
            UnknownUnit: a unit of the recipe cannot be converted.
        """
        assert station.shots is not None
        self._station, self._shots, self._value_at = station, station.shots, value_at
        self._channels: dict[str, Channel] = {
            name: channel(name, "sensors", given)
            for name, given in self._shots.recipe.items()
            if isinstance(given, ChannelFrom | str)
        }

    def tags_of_one_shot(self) -> set[str]:
        """Tags whose value belongs to one shot alone: masses, id, lots and order."""
        found = {one.tag for name, one in self._channels.items() if name in MASSES}
        found |= {text.tag for text in self._references().values()}
        return found | ({self._shots.id.tag} if self._shots.id.tag is not None else set())

    def read(self, event: str, ts_us: int) -> dict[str, Any]:
        """Read what an event takes along, as plain JSON values.

        Args:
            event: kind of the event; the pour takes most.
            ts_us: the moment; the last value at or before it counts.

        Returns:
            ``mold_id`` (None if there is none), ``id_value`` and ``id_why``; of a pour also
            ``fields`` of the message; ``odd``: sentences for the trace; ``missing``: by name what
            the event cannot be without, and why.
        """
        odd: list[str] = []
        missing: dict[str, LeftOut] = {}
        found: dict[str, Any] = {"odd": odd, "missing": missing}
        found["mold_id"] = self._identifier("mold_id", self._station.mold, ts_us, missing)
        found["id_value"], found["id_why"] = None, ""
        if self._shots.id.tag is not None:
            found["id_value"], found["id_why"] = self._value_at(self._shots.id.tag, ts_us)
        if event == "poured":
            found["fields"] = self._of_pour(ts_us, odd, missing)
        return found

    def _of_pour(self, ts_us: int, odd: list[str], missing: dict[str, LeftOut]) -> dict[str, Any]:
        recipe: dict[str, float | None] = {}
        left_out: dict[str, LeftOut] = {}
        for name, given in self._shots.recipe.items():
            of = self._channels.get(name)
            value = float(given) if of is None else self._number(of, ts_us)  # type: ignore[arg-type]
            fault = value if isinstance(value, dict) else _fault(name, value)
            if fault is None:
                recipe[name] = value  # type: ignore[assignment]
            elif name in MASSES:
                missing[name] = fault
            else:
                recipe[name], left_out[name] = None, fault
                odd.append(f"{name} is a gap of the recipe: {fault['words']}")
        fields: dict[str, Any] = {"recipe": recipe}
        system_id = self._identifier("system_id", self._shots.system_id, ts_us, missing)
        if system_id is not None:
            fields["system_id"] = system_id
        for name, text in self._references().items():
            try:
                fields[name] = reference_of(text_from(text, self._value(text, ts_us)))
            except NoText as error:
                odd.append(f"{name} is left away: {text.tag} {error}")
        if left_out:
            fields["left_out"] = left_out
        return fields

    def _number(self, of: Channel, ts_us: int) -> float | LeftOut:
        value, why = self._value_at(of.tag, ts_us)
        if value is None:
            return no_value(of.tag, why)
        found = of.reading(value)
        return found if isinstance(found, dict) else float(found)

    def _identifier(
        self, name: str, given: TextFrom | str, ts_us: int, missing: dict[str, LeftOut]
    ) -> str | None:
        if isinstance(given, str):
            return given
        try:
            return named_id(given, self._value(given, ts_us))
        except NoText as error:
            words = f"{given.tag} {error}"
            missing[name] = {"reason": NOT_A_NUMBER, "words": words[:250]}
            return None

    def _value(self, given: TextFrom, ts_us: int) -> Value:
        value, why = self._value_at(given.tag, ts_us)
        if value is None:
            raise NoText(why)
        return value

    def _references(self) -> Mapping[str, TextFrom]:
        found = {name: getattr(self._shots, name) for name in _TEXTS}
        return {name: text for name, text in found.items() if text is not None}


def _fault(name: str, value: float) -> LeftOut | None:
    """Why a number cannot be in a recipe; None when it can."""
    if name in MASSES:
        if value > 0 or (value == 0 and name == "m_additives_kg"):
            return None
        return {"reason": IMPOSSIBLE, "words": f"{value:g} kg: more than 0 is possible"}
    possible = SET_POINTS.get(name)
    return None if possible is None else possible.fault(value)

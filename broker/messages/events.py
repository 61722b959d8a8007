"""Events of a press beside its shots, its orders, and people's acknowledgements of alerts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from broker.errors import RefusalCode
from broker.ids import Identifier
from broker.json_values import INT_MAX
from broker.messages.bad_set_points import without_bad_set_points
from broker.messages.base import (
    Label,
    Message,
    Name,
    Reference,
    Sequence,
    Words,
    integral,
    refusal,
)
from broker.messages.left_out import LEFT_OUT_LIMIT, LeftOut
from broker.messages.recipe import Recipe
from broker.timestamps import Timestamp

EventKind = Literal["lot_change", "maintenance", "cleaning", "sensor_replaced"]
Component = Literal["polyol", "isocyanate", "additives"]

_NEEDS = {"lot_change": ("component", "lot"), "sensor_replaced": ("sensor",)}


class PressEvent(Message):
    """A thing that was done to a press or its material: what may change the shots after it."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "if": {"properties": {"event": {"const": kind}}},
                    "then": {
                        "properties": {name: {"type": "string"} for name in names},
                        "required": list(names),
                    },
                }
                for kind, names in _NEEDS.items()
            ]
        }
    )

    ts: Timestamp
    """When it was done, or ended."""
    event: EventKind
    mold_id: Identifier | None = None
    """The mold that it concerns; without one the whole press."""
    component: Component | None = None
    """The side whose lot, line or pump it concerns; required by a lot change."""
    lot: Reference | None = None
    """The new lot; required by a lot change."""
    sensor: Name | None = None
    """The channel (`T_mold_C.1`); required when a sensor was replaced."""
    operator: Label | None = None
    """Who did it."""
    note: Words | None = None
    device_id: Identifier | None = None
    """Who sent it."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name in _NEEDS.get(self.event, ()):
            if getattr(self, name) is None:
                words = f"a {self.event} event needs its {name}"
                raise refusal(RefusalCode.MISSING_FIELD, words, name)
        return self


class Order(Message):
    """An order that a press works on: its number, the recipe, how many parts."""

    ts: Timestamp
    """When it was given, or changed: the newest of an `order_id` counts."""
    order_id: Reference
    mold_id: Identifier | None = None
    system_id: Identifier | None = None
    """The material system."""
    recipe: Recipe | None = None
    """Set points of each shot."""
    quantity_count: Annotated[int, Field(ge=1, le=INT_MAX), BeforeValidator(integral)]
    """Parts that are wanted."""
    left_out: Annotated[dict[Name, LeftOut], Field(max_length=LEFT_OUT_LIMIT)] = Field(
        default_factory=dict
    )
    """Set points of the recipe that cannot be: texts, NaN, 3276.7 °C. They are gaps of it."""
    note: Words | None = None
    device_id: Identifier | None = None
    """Who sent it."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @classmethod
    def prepared(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The document with set points that cannot be in `left_out`."""
        return without_bad_set_points(document)


class AlertAck(Message):
    """An acknowledgement: a person has seen an alert. Repeats change nothing: the first counts."""

    ts: Timestamp
    """When the person acknowledged it."""
    alert_id: Identifier
    """Of the alert, from `…/twin/alerts`."""
    by: Label
    """Who: a person's name, number or sign."""
    note: Words | None = None
    """Words of the person: cause, what was done."""
    device_id: Identifier | None = None
    """Who sent it."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

"""Fields of a result as people type them, read strictly: each fault names field, value, way out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from broker.errors import PayloadError
from broker.ids import is_identifier
from broker.messages import EarlierRecord, QualityRecord
from broker.messages.bad_results import NO_DEFECT
from broker.messages.inbound import QUALITY_NAMES
from broker.timestamps import parse_timestamp
from twin_core.plausible_ranges import RESULTS

NUMBERS = {
    "rho_moulded_kg_per_m3": "kg/m³",
    "rho_free_rise_kg_per_m3": "kg/m³",
    "H_demold_shore": "Shore",
    "H_24h_shore": "Shore",
    "t_demold_safe_s": "s",
    "defect_risk_operator": "0–1",
}
"""Numbers of a record, with their unit for people."""
TEXTS = {"note": 2000, "operator": 256, "record_id": 64}
"""Texts of a record, and how long they may be."""
NAMES = ("shot_id", "mold_id", "shot_key")
FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "y", "x", "tak", "ja", "j", "t"), True),
    **dict.fromkeys(("0", "false", "no", "n", "nie", "nein"), False),
}
"""What people write for true and false, in small letters, in the languages of the pages."""
DEFECTS_MAX = 50
FUTURE_MAX = timedelta(seconds=60)


@dataclass(frozen=True)
class Fault:
    """A field that cannot be used."""

    field: str
    value: str
    words: str
    """Why, and the way out: a message of the catalogues, with ``{}`` for ``limit``."""
    limit: str = ""


class Faults(ValueError):
    """Fields that cannot be used."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{f.field}: {f.words.format(f.limit)}" for f in faults))
        self.faults = faults


NO_NUMBER = "is no number: write digits, as 62.5"
NO_FLAG = "is neither yes nor no"
NO_TIME = "is no time: write it as 2026-05-04 14:30"
TWICE = (
    "names an hour that the change of the clocks has twice or not at all: add the offset, +01:00"
)
OF_FUTURE = "is in the future: correct it, or leave it empty for now"
TOO_LONG = "is too long: at most {} characters"
OUTSIDE = "cannot be: possible is {}"
REFUSED = "cannot be used: {}"
NO_NAME = "is no name: letters, digits, point, dash and underscore, at most 64"
IS_MISSING = "is missing"
NO_RESULT = "the record says nothing: give a number, a defect, or whether the part is scrap"
NO_SUCH_DEFECT = "is no defect: leave it empty where there is none"
TOO_MANY = "are too many: at most {}"
NO_EARLIER = "names no record: write its record_id, or its time as ts:2026-05-04T12:30:00Z"
WORDS = (
    *(NO_NUMBER, NO_FLAG, NO_TIME, TWICE, OF_FUTURE, TOO_LONG, OUTSIDE),
    *(REFUSED, NO_NAME, IS_MISSING, NO_RESULT, NO_SUCH_DEFECT, TOO_MANY),
    NO_EARLIER,
)
"""All of them, for the catalogues."""


def record_of(
    fields: Mapping[str, str], now: datetime, zone: ZoneInfo, source: str
) -> QualityRecord:
    """The record that fields describe; empty ones are left away.

    Args:
        fields: texts by the names of the wire or of the first generation; ``ts`` may be empty,
            ``defects`` are apart by ``|``, ``;`` or ``,``, ``corrects`` is the earlier record's id
            or time.
        now: the twin's time: when it was measured, where ``ts`` is empty.
        zone: of times without an offset.
        source: of the record.

    Raises:
        Faults: all fields that cannot be used.
    """
    faults, values = list[Fault](), dict[str, Any]()
    given = {QUALITY_NAMES.get(name, name): text.strip() for name, text in fields.items()}
    for name in NAMES:
        text = given.get(name, "")
        if is_identifier(text):
            values[name] = text
        elif text:
            faults.append(Fault(name, text[:64], NO_NAME))
        elif name == "shot_id":
            faults.append(Fault(name, "", IS_MISSING))
    for name in NUMBERS:
        _number(name, given.get(name, ""), values, faults)
    for name, length_max in TEXTS.items():
        text = given.get(name, "")
        if len(text) > length_max:
            faults.append(Fault(name, text[:40], TOO_LONG, str(length_max)))
        elif text:
            values[name] = text
    _scrap(given.get("scrap", ""), values, faults)
    _defects(given.get("defects", ""), values, faults)
    values["ts"] = _time("ts", given.get("ts", ""), now, zone, faults)
    _earlier(given.get("corrects", ""), values, faults)
    says = {*NUMBERS, "defects", "scrap"}
    if not faults and not says.intersection(values):
        faults.append(Fault("rho_moulded_kg_per_m3", "", NO_RESULT))
    if faults:
        raise Faults(faults)
    try:
        return QualityRecord(source=source, **values)
    except (PayloadError, ValueError) as error:  # what the contract knows beyond these
        raise Faults([Fault("note", "", REFUSED, str(error)[:300])]) from None


def number_of(text: str) -> float | None:
    """A number as people write it, with a point or a comma; None when it is none."""
    text = text.replace("\u00a0", "").replace(" ", "")
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _number(name: str, text: str, values: dict[str, Any], faults: list[Fault]) -> None:
    if not text:
        return
    value = number_of(text)
    if value is None:
        faults.append(Fault(name, text[:40], NO_NUMBER))
    elif not RESULTS[name].holds(value):
        possible = f"{RESULTS[name].low:g} – {RESULTS[name].high:g} {NUMBERS[name]}"
        faults.append(Fault(name, text[:40], OUTSIDE, possible))
    else:
        values[name] = value


def _scrap(text: str, values: dict[str, Any], faults: list[Fault]) -> None:
    if not text:
        return
    if text.casefold() in FLAGS:
        values["scrap"] = FLAGS[text.casefold()]
    else:
        faults.append(Fault("scrap", text[:40], NO_FLAG))


def _defects(text: str, values: dict[str, Any], faults: list[Fault]) -> None:
    """``none`` says that there is none; nothing at all says nothing."""
    if not text:
        return
    if text.casefold() in ("none", "[]"):
        values["defects"] = []
        return
    parts = text.replace(";", "|").replace(",", "|").split("|")
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if len(names) > DEFECTS_MAX:
        faults.append(Fault("defects", text[:40], TOO_MANY, str(DEFECTS_MAX)))
    for name in names:
        if name.casefold() in NO_DEFECT:
            faults.append(Fault("defects", name, NO_SUCH_DEFECT))
        elif len(name) > 256:
            faults.append(Fault("defects", name[:40], TOO_LONG, "256"))
    values["defects"] = names


def _time(name: str, text: str, now: datetime, zone: ZoneInfo, faults: list[Fault]) -> datetime:
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
            if found.utcoffset() != found.replace(fold=1).utcoffset():
                faults.append(Fault(name, text[:40], TWICE))
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        faults.append(Fault(name, text[:40], NO_TIME))
        return now
    if found > now + FUTURE_MAX:
        faults.append(Fault(name, text[:40], OF_FUTURE))
    return found


def _earlier(text: str, values: dict[str, Any], faults: list[Fault]) -> None:
    """The record that is corrected: by its time where it has no number."""
    if not text:
        return
    try:
        if text.startswith("ts:"):
            values["corrects"] = EarlierRecord(ts=parse_timestamp(text.removeprefix("ts:")))
        else:
            values["corrects"] = EarlierRecord(record_id=text[:64])
    except ValueError:
        faults.append(Fault("corrects", text[:64], NO_EARLIER))

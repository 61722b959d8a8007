"""Facts in words that stand in no template: every text here is in the catalogues."""

from __future__ import annotations

from collections.abc import Iterator
from gettext import NullTranslations

from babel.numbers import format_decimal, format_percent

from broker import ml_status as status
from broker.alert_codes import ALERT_CODES
from broker.messages import Prediction
from broker.ml_status import ML_REASONS
from edge_agent.report.operator_words import ADVICE, FOR_OTHERS, MOST_ADVICE, NOT_YET

NUMBERS = {
    "cure": "needs a degree of cure of %(number)s",
    "gel": "needs %(number)s of the foam reacted",
    "hardness": "needs Shore %(number)s",
    "skin": "needs %(number)s of the surface reacted",
    "strength": "the inner pressure may use %(number)s of the strength",
    "swell": "at most %(number)s mm of swelling",
    "shrink": "at most %(number)s mm of shrinking",
    "wall_temperature": "at most %(number)s °C at the skin",
    "adhesion": "at least %(number)s °C at the mold",
    "trimming": "at least %(number)s °C in the part",
    "pressure": "at most %(number)s bar",
}
"""The number behind each criterion of the window; the shares are percents."""
SHARES = {"cure", "gel", "skin", "strength"}
ML_STATUS = {
    status.OK: "the learned model answers",
    status.FADED: "the learned model answers, drawn to what this mold showed last",
    status.MEMORY_ONLY: "what this mold showed last answers, not the learned model",
    status.WITHHELD: "no correction: nothing is known of earlier shots",
    status.NO_EXTRA: "no correction: the agent lacks the library for models",
    status.BAD_INPUT: "no correction: the shot could not be simulated",
    status.ERROR: "no correction: the model cannot be used",
}
"""Of a mold whose agent has a model."""
LAYERS = {"learner": "learned model", "faded": "in between", "memory": "last shots of the mold"}
QUANTITIES = {
    "rho_moulded_kg_per_m3": ("density of the part", "kg/m³", 1, 1.0),
    "t_demold_min_s": ("earliest opening", "min", 1, 60.0),
    "p_max_bar": ("highest pressure", "bar", 2, 1.0),
    "T_core_max_C": ("highest core temperature", "°C", 0, 1.0),
}
"""Words, unit, digits and divisor of what a model corrects."""
LAYER = "layer %(layer)s of %(layers)s"
QUALITY = {"OK": "good part", "MARGINAL": "just good", "FAIL": "bad part"}
PRESSURE = {"SAFE": "fine", "NEAR_LIMIT": "near its limit", "OVER_LIMIT": "too high"}
ADVICE_STATES = {
    "proposed": "proposed",
    "accepted": "accepted",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "expired": "expired",
}
OUTCOMES = {
    "demolded": "opened",
    "aborted": "aborted",
    "superseded": "overtaken by the next shot",
    "timed_out": "end never reported",
}


def all_words() -> Iterator[str]:
    """Every text of this module, for the catalogues."""
    tables = (NOT_YET, NUMBERS, QUALITY, PRESSURE, ADVICE_STATES, OUTCOMES, ALERT_CODES)
    for table in (*tables, ML_STATUS, ML_REASONS, LAYERS):
        yield from table.values()
    yield from (quantity[0] for quantity in QUANTITIES.values())
    yield from (words for code, words in ADVICE.items() if code not in FOR_OTHERS)
    yield LAYER


class Facts:
    """Facts about shots in one language."""

    QUALITY = QUALITY
    ADVICE_STATES = ADVICE_STATES
    ALERTS = ALERT_CODES
    ML_STATUS = ML_STATUS
    ML_REASONS = ML_REASONS
    LAYERS = LAYERS
    QUANTITIES = QUANTITIES

    def __init__(self, language: str, catalogue: NullTranslations) -> None:
        """Use a language's words."""
        self._language, self._say = language, catalogue.gettext

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number as the language writes it; a dash for None."""
        if value is None:
            return "–"
        form = "0" if digits == 0 else "0." + digits * "0"
        return format_decimal(value, format=form, locale=self._language)

    def short(self, value: float | None) -> str:
        """A number with three decimals at most; a dash for None."""
        return (
            "–" if value is None else format_decimal(value, format="0.###", locale=self._language)
        )

    def why_not_yet(self, p: Prediction) -> tuple[str, str] | None:
        """The condition that is met last in words, and its number; None when nothing is known."""
        criterion = p.binding.earliest
        if criterion is None:
            return None
        words = self._say(NOT_YET[criterion]) if criterion in NOT_YET else criterion
        return words, self._number_of(p, criterion)

    def advice(self, p: Prediction) -> list[str]:
        """The one or two things to do that matter most."""
        order = list(ADVICE)
        codes = [d.code for d in p.diagnostics if d.code in ADVICE and d.code not in FOR_OTHERS]
        return [self._say(ADVICE[code]) for code in sorted(codes, key=order.index)][:MOST_ADVICE]

    def quality(self, p: Prediction) -> str:
        """The quality to be expected."""
        return self._say(QUALITY[p.quality_status]) if p.quality_status else "–"

    def pressure(self, p: Prediction) -> str:
        """The pressure in the mold."""
        return self._say(PRESSURE[p.pressure_status]) if p.pressure_status else "–"

    def outcome(self, outcome: str) -> str:
        """How a shot ended."""
        return self._say(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome

    def _number_of(self, p: Prediction, criterion: str) -> str:
        end = p.earliest_end
        if end is None or end.limit is None or criterion not in NUMBERS:
            return ""
        if criterion in SHARES:
            number = format_percent(end.limit, format="0 %", locale=self._language)
        else:
            number = self.number(end.limit, 1 if abs(end.limit) < 10 else 0)
        if criterion == "hardness" and p.shore_scale:
            number = f"{p.shore_scale} {number}"
        words = self._say(NUMBERS[criterion]) % {"number": number}
        if end.layer is not None:
            place = self._say(LAYER) % {"layer": end.layer, "layers": end.layers_count}
            words += f" ({place})"
        return words

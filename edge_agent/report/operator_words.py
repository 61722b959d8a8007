"""Words for the person at the press: why not yet, quality, pressure, and what to do."""

from __future__ import annotations

NOT_YET = {
    "cure": "the foam is not cured enough",
    "gel": "the foam is not firm enough to hold its shape",
    "hardness": "the foam is still too soft",
    "skin": "the skin still sticks to the mold",
    "strength": "the foam could be torn by its inner pressure",
    "swell": "the part would swell after the opening",
    "shrink": "the part would shrink",
    "wall_temperature": "the skin is still too hot",
    "adhesion": "the mold is so cold that the part stays stuck",
    "trimming": "the part is too cold to trim",
    "pressure": "the pressure in the mold is above its limit",
}
"""Words for each criterion of the demold window while it is not met."""

GOOD = {"OK": "yes", "MARGINAL": "just, at least one limit is close", "FAIL": "no"}
PRESSURE = {
    "SAFE": "fine",
    "NEAR_LIMIT": "close to what the mold may take",
    "OVER_LIMIT": "too high for the mold",
}

ADVICE = {
    "NO_GEL": "The foam will not set. Leave the mold closed and check the dosing.",
    "OVERPRESSURE": "The pressure gets too high. Pour less, and clean the vents.",
    "SHORT_SHOT": "The mold will not be full. Check the poured amount, and clean the vents.",
    "EARLY_VENT_CLOSURE": "The foam set before it filled the mold. Warm mold and components less.",
    "COLD_COMPONENTS": "A component is too cold. Warm it before the next shot.",
    "CONDENSATION": "The mold is cold and wet. Warm it, wipe it, and close it early.",
    "INDEX_LOW": "Too little isocyanate. Check its pump before the next shot.",
    "NO_DEMOLD_WINDOW": "There is no good moment to open. Call the process engineer.",
    "CORE_TOO_HOT": "The core gets too hot and may scorch. Pour cooler, and cut a part open.",
    "INDEX_MISMATCH": "The two liquids were not dosed as the recipe says. Check both pumps.",
    "FILL_CLOSE_TO_GEL": "The mold fills only just in time. Look for empty corners.",
    "DENSITY_LOW": "The part will be too light. Check the poured amount.",
    "DENSITY_HIGH": "The part will be too heavy. Check the poured amount.",
    "HARDNESS_24H_LOW": "The part will stay too soft. Check the dosing before the next shot.",
    "HUMIDITY": "Humid air adds water. Dry the mold, and keep it closed until the pour.",
}
"""What to do about each diagnostic; the most important first."""
MOST_ADVICE = 2
FOR_OTHERS = {"SHEET_CONTRADICTS_ITSELF", "CREAM_TOO_EARLY", "INDEX_OUT_OF_RANGE"}
"""True of every shot of a material: a matter for the process engineer, not for the press."""

"""The numbers of a shot as rows: KPIs, times, inputs, window, risks, diagnostics, audit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from pydantic import BaseModel

from edge_agent.report.content import Code, Table, Words
from edge_agent.report.units import fixed, shown, unit_of
from twin_core import SimulationResult
from twin_core.results.opening import Opening
from twin_core.results.window_result import WindowEnd
from twin_core.units import bar
from twin_core.window_interval import WindowInterval


@dataclass(frozen=True)
class Row:
    """One figure: its name in files, what it is, its value and unit."""

    name: str
    words: str
    value: str
    unit: str


def kpi_rows(result: SimulationResult) -> list[Row]:
    """The figures that decide, under the names that users know."""
    r, shore = result, f"Shore {result.shore_scale}, proxy"
    if r.window == "none":  # nobody opens a cup
        k = r.kpis
        opening = [
            Row("T_core_max_C", "peak temperature", fixed(k.T_core_max_C), "C"),
            Row("t_rise_s", "rise time", fixed(k.t_rise_s), "s"),
        ]
    else:
        opening = [
            Row("t_demold_min_s", "earliest time to open", fixed(r.t_demold_min_s), "s"),
            Row("t_demold_opt_s", "best time to open", fixed(r.t_demold_opt_s), "s"),
            Row("t_demold_max_s", "latest time to open", fixed(r.t_demold_max_s), "s"),
        ]
    return [
        Row("quality_status", "quality", r.quality_status, ""),
        Row("pressure_status", "pressure", r.pressure_status, ""),
        *opening,
        Row("p_max", "peak pressure", fixed(bar(r.p_max_Pa), 3), "bar, absolute"),
        Row("rho_moulded", density_words(r), fixed(r.rho_moulded), "kg/m3"),
        Row("H_demold", "hardness at the best time", fixed(r.H_demold_shore), shore),
        Row("H_24h", "hardness after 24 h", fixed(r.H_24h_shore), shore),
        Row("defect_risk", "risk of a defect", fixed(r.defect_risk, 3), "0..1"),
    ]


def density_words(result: SimulationResult) -> str:
    """Meaning of ``rho_moulded``: in an open cup nothing is molded."""
    return "free-rise density" if result.scenario.mold.open else "moulded density"


def shot_rows(result: SimulationResult) -> list[Row]:
    """Times, peaks and balances of the shot."""
    k = result.kpis
    peak = f"C at {fixed(k.t_T_core_max_s)} s"
    index = fixed(k.nco_oh_index, 3)
    water_g = 1e3 * k.water_from_rh_kg
    deep = [
        Row("rho_core_kg_per_m3", "core density", fixed(k.rho_core_kg_per_m3), "kg/m3"),
        Row("rho_skin_kg_per_m3", "skin density", fixed(k.rho_skin_kg_per_m3), "kg/m3"),
    ]
    return [
        Row("t_cream_s", "cream time", fixed(k.t_cream_s), "s"),
        Row("t_gel_s", "gel time", fixed(k.t_gel_s), "s"),
        Row("t_rise_s", "rise time", fixed(k.t_rise_s), "s"),
        Row("t_tack_free_s", "tack-free time", fixed(k.t_tack_free_s), "s"),
        Row("t_mold_full_s", "mold full", fixed(k.t_mold_full_s), "s"),
        Row("vent_closure_time_s", "vents closed", fixed(k.vent_closure_time_s), "s"),
        Row("T_core_max_C", "peak core temperature", fixed(k.T_core_max_C), peak),
        Row("fill_ratio", "fill ratio", fixed(k.fill_ratio, 3), "0..1"),
        Row("nco_oh_index", "isocyanate index", index, "NCO/OH, from the masses"),
        Row("X_gel", "gel conversion", fixed(k.X_gel, 3), "of the OH groups"),
        Row("water_from_rh_kg", "water from humid air", fixed(water_g, 3), "g"),
        *(deep if result.run.layers_count > 1 else []),
    ]


def rows_table(rows: list[Row], caption: str) -> Table:
    """Rows with all four columns."""
    cells = [(row.words, row.value, row.unit, Code(row.name)) for row in rows]
    return Table.of("figure|value|unit|name", cells, caption=caption)


def fields_table(model: BaseModel, caption: str) -> Table:
    """Every field of a model with value and unit; parts inside it are named with a dot."""
    return Table.of("field|value|unit", _fields(model, ""), caption=caption)


def _fields(model: BaseModel, prefix: str) -> list[tuple[Words, ...]]:
    rows: list[tuple[Words, ...]] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            rows.extend(_fields(value, f"{prefix}{name}."))
        else:
            unit = unit_of(name) if value is not None else ""
            rows.append((Code(prefix + name), shown(value), unit))
    return rows


CRITERIA = {
    "cure": "mean degree of cure",
    "gel": "conversion of every layer past the gel point",
    "skin": "surface that no longer sticks",
    "hardness": "hardness (proxy)",
    "strength": "strength of the weakest layer against its pressure",
    "swell": "swell after the opening",
    "shrink": "shrinking after the opening",
    "wall_temperature": "hottest outer layer",
    "adhesion": "coldest wall: foam stays stuck on it",
    "trimming": "mean temperature of the part, too cold to trim",
    "pressure": "pressure in the mold",
    "cycle": "the longest cycle anybody would wait",
}
"""What each criterion of the demold window is about."""


def end_words(end: WindowEnd | None) -> str:
    """What decides an end of the window, for a terminal: its name, number and layer."""
    if end is None:
        return "-"
    if end.criterion == "cycle":
        return f"the longest cycle ({fixed(end.limit, 0)} s)"
    number = _number(end)
    return f"{end.criterion} ({number})" if number else end.criterion


def decided_by(end: WindowEnd | None) -> str:
    """What decides an end of the window, for a page: words, number, layer."""
    if end is None:
        return "-"
    number = _number(end)
    return f"{CRITERIA[end.criterion]}: {number}" if number else CRITERIA[end.criterion]


def _number(end: WindowEnd) -> str:
    parts = [] if end.limit is None else [f"{end.limit:.4g} {end.unit}"]
    parts += [] if end.layer is None else [f"layer {end.layer} of {end.layers}"]
    return ", ".join(parts)


def opening_words(opening: Opening) -> str:
    """What becomes of a part that is opened at a given time."""
    o = opening
    kept = f"; not met at {o.opened_s:g} s: " if o.unmet else ""
    return (
        f"Opened at {o.opened_s:g} s: swells by {o.swell_mm:.2f} mm ({100 * o.swell_ratio:.1f} %) "
        f"after {o.swell_s:.0f} s, shrinks by {o.shrink_mm:.2f} mm ({100 * o.shrink_ratio:.2f} %) "
        f"until it is cold after {o.cold_s / 60:.0f} min; its hottest layer reaches "
        f"{o.T_max_C:.0f} C, its weakest bears {100 * o.strength_use_ratio:.0f} % of its strength"
        f"{kept}{', '.join(o.unmet)}"
    )


def interval_words(interval: WindowInterval) -> str:
    """Range of the opening and of the swell there, and the number that moves it most."""
    i = interval
    until = "no window at all" if i.t_min_high_s is None else f"{i.t_min_high_s:.0f} s"
    most = i.effects[0].path if i.effects else ""
    return (
        f"Interval of the earliest time: {i.t_min_low_s:.0f} s to {until}, of the swell when "
        f"opened at {i.t_min_s:.0f} s: {i.swell_low_mm:.2f} to {i.swell_high_mm:.2f} mm, from "
        f"{len(i.effects)} of the numbers that nobody measured (of {i.assumed_count} assumed); "
        f"{most} moves it most"
    )


def effects_table(interval: WindowInterval) -> Table:
    """What each number that nobody measured does to the window."""
    rows: list[tuple[Words, ...]] = [
        (
            Code(e.path), f"{e.low:.3g}", f"{e.high:.3g}",
            fixed(e.t_min_s[0], 0), fixed(e.t_min_s[1], 0),
            fixed(e.swell_mm[0], 2), fixed(e.swell_mm[1], 2), e.why,
        )
        for e in interval.effects
    ]  # fmt: skip
    columns = (
        "number|low|high|opens with low, s|opens with high, s|swell with low, mm"
        "|swell with high, mm|varied so far because"
    )
    return Table.of(columns, rows, "|".join(columns.split("|")[1:-1]))


def release_table(result: SimulationResult) -> Table:
    """Swell and shrink against the opening time."""
    curve = result.release
    assert curve is not None
    rows = [
        (fixed(t, 0), fixed(mm, 2), fixed(100.0 * swell, 2), fixed(shrunk, 2), fixed(use, 2))
        for t, mm, swell, shrunk, use in zip(
            curve.opened_s, curve.swell_mm, curve.swell_ratio, curve.shrink_mm,
            curve.strength_use_ratio, strict=True,
        )
    ]  # fmt: skip
    columns = "opened at, s|swell, mm|swell, %|shrink, mm|pressure over strength"
    return Table.of(columns, rows, "opened at, s")


def window_table(result: SimulationResult) -> Table:
    """Table of the demold window and what decides it."""
    earliest, latest = (decided_by(result.demold_ends[name]) for name in ("earliest", "latest"))
    rows = [
        ("earliest", fixed(result.t_demold_min_s), "s", earliest),
        (
            "best",
            fixed(result.t_demold_opt_s),
            "s",
            "first with every margin at 0.1, else the largest",
        ),
        ("latest", fixed(result.t_demold_max_s), "s", latest),
    ]
    return Table.of("open|value|unit|decided by", rows)


def margins_table(result: SimulationResult) -> Table:
    """Margin of every criterion at the best time."""
    rows = [
        (Code(name), CRITERIA.get(name, name), fixed(margin, 3))
        for name, margin in sorted(result.demold_margins.items(), key=lambda item: item[1])
    ]
    return Table.of("criterion|about|margin at the best time", rows, "margin at the best time")


def risks_table(result: SimulationResult) -> Table:
    """Table of what each criterion adds to the risk, the largest first."""
    risks = sorted(result.risks.items(), key=lambda item: -item[1])
    rows: list[tuple[Words, ...]] = [(Code(name), fixed(risk, 3)) for name, risk in risks]
    rows.append(("all together: 1 - product(1 - risk)", fixed(result.defect_risk, 3)))
    return Table.of("criterion|risk, 0..1", rows, "risk, 0..1")


def diagnostics_table(result: SimulationResult) -> Table:
    """Findings with the numbers behind them."""
    rows = [(Code(d.code), d.words, evidence(d.evidence)) for d in result.diagnostics]
    return Table.of("finding|words|evidence", rows)


def evidence(values: dict[str, float | str]) -> str:
    """``{"fill_ratio": 0.9}`` -> ``fill_ratio 0.9``."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def audit_table(result: SimulationResult) -> Table:
    """Balances of matter and energy, and where the heat went."""
    rows: list[tuple[Words, ...]] = []
    for name, value in dataclasses.asdict(result.audit).items():
        heat = name.endswith("_J")
        words = name.removesuffix("_J").removesuffix("_ratio").replace("_", " ")
        figure = fixed(value / 1e3, 3) if heat else f"{value:.1e}"
        rows.append((words, figure, "kJ" if heat else "1, relative", Code(name)))
    return Table.of("balance|value|unit|name", rows)

"""The report of one simulated shot."""

from __future__ import annotations

from edge_agent import __version__
from edge_agent.inference.offline import Offline, rows_beside
from edge_agent.report import shot_tables as tables
from edge_agent.report.content import (
    Block,
    Card,
    Cards,
    Code,
    Items,
    Page,
    Plots,
    Section,
    SideBySide,
    Table,
    Text,
    Tone,
    Words,
)
from edge_agent.report.measured import QUALITY, Measured
from edge_agent.report.operator import operator_answer
from edge_agent.report.parameter_sources import assumed_count, sources_tables
from edge_agent.report.shot_plots import layer_plots, release_plot, time_plots
from edge_agent.report.units import fixed
from edge_agent.shots.data_quality_words import NOTHING
from twin_core import SimulationResult
from twin_core.units import bar
from twin_core.window_interval import WindowInterval

TONES: dict[str, Tone] = {
    "OK": "good",
    "SAFE": "good",
    "MARGINAL": "warning",
    "NEAR_LIMIT": "warning",
    "FAIL": "bad",
    "OVER_LIMIT": "bad",
}


def shot_page(
    result: SimulationResult,
    measured: Measured | None = None,
    learned: Offline | None = None,
    interval: WindowInterval | None = None,
) -> Page:
    """Everything about a shot, from the answer down to the sources it stands on."""
    scenario = result.scenario
    what = f"{scenario.system.system_id} in {scenario.mold.mold_id}. "
    label = "All values are simulated"
    if measured is not None:
        label += f"; those of the log {measured.shot_id} are {measured.kind} and marked so"
    lead: list[Block] = [Text(scenario.description)] if scenario.description else []
    answer = Items(tuple(operator_answer(result, learned, interval=interval)))
    lead.extend((Text(f"{what}{label}."), _cards(result), answer))
    sections = [
        Section("Over time", (_how_to_read(result), Plots(time_plots(result, measured)))),
        *_layers(result),
        *([_measured(measured, result)] if measured else []),
        *([_learned(learned, result)] if learned else []),
        _inputs(result),
        _figures(result),
        _window(result, interval),
        _risks(result),
        _diagnostics(result),
        _audit(result),
        _sources(result),
        _versions(result),
    ]
    return Page(f"Shot report: {scenario.scenario_id}", tuple(lead), tuple(sections))


def _cards(result: SimulationResult) -> Cards:
    r, k = result, result.kpis
    window = f"{fixed(r.t_demold_min_s, 0)} to {fixed(r.t_demold_max_s, 0)} s"
    return Cards(
        (
            Card("quality", r.quality_status, "", TONES.get(r.quality_status, "plain")),
            Card(
                "best time to open",
                "none" if r.t_demold_opt_s is None else f"{r.t_demold_opt_s:.0f} s",
                "" if r.t_demold_min_s is None else window,
                "bad" if r.t_demold_opt_s is None else "plain",
            ),
            Card(
                "peak pressure",
                f"{bar(r.p_max_Pa):.2f} bar",
                r.pressure_status,
                TONES.get(r.pressure_status, "plain"),
            ),
            Card("peak core", f"{k.T_core_max_C:.0f} °C", f"at {k.t_T_core_max_s:.0f} s"),
            Card("density", f"{r.rho_moulded:.1f} kg/m3", tables.density_words(r)),
            Card("risk of a defect", f"{r.defect_risk:.2f}", "0 to 1"),
        )
    )


def _how_to_read(result: SimulationResult) -> Text:
    words = "Dotted lines mark the events named above each plot."
    if result.t_demold_min_s is not None:
        words = f"Shaded: the demold window; its best time is dash-dotted. {words}"
    return Text(words)


def _layers(result: SimulationResult) -> list[Section]:
    plots = layer_plots(result)
    return [Section("Through the thickness", (Plots(plots),))] if plots else []


def _measured(measured: Measured, result: SimulationResult) -> Section:
    rows: list[tuple[Words, ...]] = []
    for series in measured.series:
        c, unit, difference = series.comparison, series.unit, series.difference_unit
        head = (Code(series.sensor), series.words)
        if c is None:
            rows.append((*head, "-", "-", "-", "-", "fewer than two points in the simulated time"))
            continue
        rows.append(
            (
                *head,
                str(c.points),
                f"{c.rmse:.3g} {difference}",
                f"{c.peak_given:.4g} {unit} at {c.t_peak_given_s:.0f} s",
                f"{c.peak_simulated:.4g} {unit} at {c.t_peak_simulated_s:.0f} s",
                f"{c.peak_difference:+.2g} {difference}",
            )
        )
    columns = f"sensor|about|points|RMSE|peak {measured.kind}|peak simulated|peak difference"
    found: list[Block] = [
        Text(
            f"The log {measured.shot_id} ({measured.kind}) beside the simulation, over the times "
            "that both have. Differences are simulated minus logged."
        ),
        Table.of(columns, rows, "points|RMSE|peak difference"),
    ]
    part: list[tuple[Words, ...]] = []
    for name, value in measured.quality:
        field, words, unit = QUALITY[name]
        part.append((Code(name), words, fixed(value), fixed(getattr(result, field)), unit))
    if part:
        columns = f"name|about|{measured.kind}|simulated|unit"
        found.append(Table.of(columns, part, f"{measured.kind}|simulated"))
    if measured.notes:
        found.append(Text("The log and the scenario are not quite the same shot:"))
        found.append(Items(measured.notes))
    found.append(Text("Quality of the data of the log:"))
    found.append(Items(measured.data_quality or (NOTHING,)))
    return Section("Measured and simulated", tuple(found))


def _learned(learned: Offline, result: SimulationResult) -> Section:
    correction = learned.correction
    blocks: list[Block] = [Text(("Status: ", Code(learned.ml_status), "."))]
    rows = rows_beside(learned, result)
    if rows and correction is not None:
        columns = "about|physics|corrected|interval|unit"
        words = (
            f"Model {correction.model}: what it expects instead of the physics, beside it. All "
            "other figures of this page are the physics alone."
        )
        blocks += [Text(words), Table.of(columns, rows, "physics|corrected")]
        if correction.defect_risk is not None:
            blocks.append(Text(f"Probability of any defect: {correction.defect_risk:.2f}."))
    if learned.words:
        blocks.append(Text(learned.words))
    return Section("Learned correction", tuple(blocks))


def _inputs(result: SimulationResult) -> Section:
    s = result.scenario
    source = (Text(f"Source of the scenario: {s.source}"),) if s.source else ()
    return Section(
        "Inputs",
        (
            *source,
            Text("Masses as metered, temperatures before mixing, pressures absolute."),
            SideBySide(
                (
                    tables.fields_table(s.process, "Recipe"),
                    tables.fields_table(s.mold, "Mold"),
                    tables.fields_table(s.quality, "Quality asked for (-: not applied)"),
                    tables.fields_table(s.simulation, "Simulation"),
                )
            ),
        ),
    )


def _figures(result: SimulationResult) -> Section:
    answer = tables.rows_table(tables.kpi_rows(result), "What decides")
    rest = tables.rows_table(tables.shot_rows(result), "Times, peaks, balances")
    return Section("Key figures", (SideBySide((answer, rest)),))


AFTER = (
    "After the opening the part is followed until it is cold: hot core, air on its faces, "
    "reactions going on. Swell is the largest growth of its thickness on the way, shrink the least."
)


def _window(result: SimulationResult, interval: WindowInterval | None) -> Section:
    if result.window == "none":
        return Section("Demold window", (Text("None: an open cup is not demolded."),))
    after: list[Block] = []
    unsure: tuple[Block, ...] = ()
    if interval is not None:
        unsure = (Text(f"{tables.interval_words(interval)}."), tables.effects_table(interval))
    if result.release is not None:
        after = [Text(AFTER), Plots((release_plot(result),)), tables.release_table(result)]
    if result.t_demold_min_s is None:
        words = tables.decided_by(result.demold_ends["earliest"])
        text = f"There is no demold window within the run; what misses by most: {words}."
        return Section("Demold window", (Text(text), *after))
    return Section(
        "Demold window",
        (
            tables.window_table(result),
            Text("A margin is 0 at the limit and 0.1 when the criterion is met by ten per cent."),
            tables.margins_table(result),
            *unsure,
            *after,
        ),
    )


def _risks(result: SimulationResult) -> Section:
    words = "0 with ten per cent in hand, 0.5 at the limit, 1 at ten per cent over it."
    return Section("Risks", (Text(words), tables.risks_table(result)))


def _diagnostics(result: SimulationResult) -> Section:
    if not result.diagnostics:
        return Section("Diagnostics", (Text("None."),))
    return Section("Diagnostics", (tables.diagnostics_table(result),))


def _audit(result: SimulationResult) -> Section:
    words = (
        "Computed from the finished run, independently of the solver. Matter is relative to what "
        "is balanced, energy to the heat released."
    )
    return Section("Audit of mass and energy", (Text(words), tables.audit_table(result)))


def _sources(result: SimulationResult) -> Section:
    system = result.scenario.system
    assumed, known = sources_tables(system)
    blocks: list[Block] = [
        Text(f"{assumed_count(system)} numbers of {system.system_id} are assumed.")
    ]
    if assumed.rows:
        blocks.append(assumed)
    blocks.append(known)
    return Section("What the run stands on", tuple(blocks))


def _versions(result: SimulationResult) -> Section:
    system, cost = result.scenario.system, result.statistics
    rows: list[tuple[Words, ...]] = [
        ("program", f"pur-mold-twin {__version__}"),
        ("physics hash", Code(result.physics_hash)),
        ("parameters hash", Code(system.parameters_hash())),
        ("material system", f"{system.system_id}, version {system.version}"),
        ("solver", f"{cost.backend}, {cost.evaluations} evaluations, {cost.steps} steps"),
    ]
    return Section(
        "Versions",
        (
            Table.of("what|version", rows),
            Text(
                (
                    "Validated and verified parts of the model: ",
                    Code("docs/validation.md"),
                    "; equations and their limits: ",
                    Code("docs/physics.md"),
                    ".",
                )
            ),
        ),
    )

"""The report of a trained model: how good, how sure, on which shots, from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_agent.report.content import (
    Block,
    Card,
    Cards,
    Code,
    Items,
    Page,
    Plots,
    Section,
    Table,
    Text,
    Tone,
    Words,
)
from edge_agent.report.plot import Plot
from edge_agent.report.training_plots import coverage_plot, risk_plots, target_plots
from edge_agent.report.units import unit_of
from twin_core.learning.card import MEMORY
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.bar import ERROR_ALLOWED, demands
from twin_core.learning.training.candidates import MISSING
from twin_core.learning.training.curves import importance, risk_curves
from twin_core.learning.training.evaluation import Evaluation
from twin_core.learning.training.regression import Regression
from twin_core.learning.training.risk import FEWEST, SIGNIFICANT
from twin_core.learning.training.scores import CONSECUTIVE, Score
from twin_core.learning.training.train import Trained

ERRORS = (
    "shots|unit|target|physics|mean|last value|EWMA|its speed|memory|EWMA + ridge|model|"
    "model / EWMA|bias"
)
INTERVALS = "target|inside|worst mold|results on it|worst 100|exact|width"


def training_page(label: str, trained: Trained, judged: Mapping[str, Evaluation]) -> Page:
    """The page of a model; ``judged`` are its scores on feature sets that it never saw."""
    sections = [
        _scores(trained),
        *(_unseen(name, found, trained.card.coverage) for name, found in judged.items()),
        _targets(trained),
        _coverage(trained),
        *_risks(trained),
        _learners(trained),
        _origin(trained),
    ]
    notes = tuple(trained.notes)
    lead: list[Block] = [Text(_words(trained)), _cards(trained)]
    if notes:
        lead.append(Items(notes))
    return Page(f"Model {label}", tuple(lead), tuple(sections))


def _words(trained: Trained) -> str:
    origin = trained.card.origin
    whose = f"{origin.simulated_share:.0%} of these shots were simulated, not measured. "
    return (
        f"Learned from {origin.shots_count} shots on {origin.molds_count} molds, "
        f"{origin.first_poured_at[:10]} to {origin.last_poured_at[:10]}. "
        f"{whose if origin.simulated_share else ''}It looks only at what is known at the "
        f"{trained.card.known_at}. Scores of the test come from the same learners without the "
        "shots of the test; the file itself learned from all shots."
    )


def _cards(trained: Trained) -> Cards:
    cards = []
    for name, found in trained.apart.items():
        tone: Tone = "good" if found.ratio_ewma <= ERROR_ALLOWED else "warning"
        words = "error to that of EWMA, other presses"
        cards.append(Card(name, f"{found.ratio_ewma:.2f}", words, tone))
    return Cards(tuple(cards))


def error_rows(scores: Mapping[str, Score]) -> list[tuple[Words, ...]]:
    """A row for each target, see ``ERRORS``."""
    return [
        (
            str(found.shots_count),
            unit_of(TARGETS[name].quantity),
            Code(name),
            f"{found.rmse_physics:.4g}",
            f"{found.rmse_mean:.4g}",
            f"{found.rmse_last:.4g}",
            f"{found.rmse_ewma:.4g}",
            f"{found.ewma_speed:g}",
            f"{found.rmse_memory:.4g}",
            "-" if found.rmse_ewma_ridge is None else f"{found.rmse_ewma_ridge:.4g}",
            f"{found.rmse:.4g}",
            f"{found.ratio_ewma:.3f}",
            f"{found.bias:+.2g}",
        )
        for name, found in scores.items()
    ]


def interval_rows(scores: Mapping[str, Score]) -> list[tuple[Words, ...]]:
    """A row for each target, see ``INTERVALS``."""
    rows: list[tuple[Words, ...]] = []
    for name, found in scores.items():
        shares = found.coverage_by_mold
        worst = min(shares, key=lambda mold: shares[mold], default=None)
        rows.append(
            (
                Code(name),
                f"{found.coverage:.1%}",
                "-" if worst is None else f"{shares[worst]:.0%}",
                "-" if worst is None else str(found.results_by_mold[worst]),
                "-" if found.worst_share is None else f"{found.worst_share:.0%}",
                "-" if found.worst_exact is None else f"{found.worst_exact:.0%}",
                f"{found.width:.4g}",
            )
        )
    return rows


def _tables(scores: Mapping[str, Score], caption: str) -> list[Block]:
    errors, intervals = ERRORS.replace("unit|target|", ""), INTERVALS.removeprefix("target|")
    return [
        Table.of(ERRORS, error_rows(scores), errors, caption),
        Table.of(INTERVALS, interval_rows(scores), intervals, f"{caption}: intervals"),
    ]


def _scores(trained: Trained) -> Section:
    blocks: list[Block] = [
        Text(
            "Root mean square errors in the unit of the target. Baselines: the physics alone; with "
            "the mean residual of all shots; with the last residual known of the mold; with an "
            "exponentially weighted running mean of them (EWMA), of the speed that is best on "
            "these very shots; the memory alone; and a ridge regression on how the shot was "
            "poured, on top of a running mean."
        ),
        Text(
            f"Inside: share of shots in their {trained.card.coverage:.0%} interval, as it adapts "
            "at the press; worst mold: the same on the mold where it is lowest (of those with 20 "
            f"shots or more); worst {CONSECUTIVE}: the same of the worst results in a row on any "
            "mold, and exact: what one in a hundred exact intervals has there."
        ),
        *_tables(trained.apart, "All shots, by models of other presses"),
    ]
    for part, scores in trained.test.items():
        blocks += _tables(scores, f"Test: {part}")
    return Section("How good it is", tuple(blocks))


def _unseen(name: str, evaluation: Evaluation, coverage: float) -> Section:
    table = evaluation.table
    blocks: list[Block] = [
        Text(
            f"{len(table)} shots on {len(np.unique(table.molds))} molds with no part "
            "in training, answered by the file itself, in order: each result teaches once it is "
            "known."
        ),
        *_tables(evaluation.scores, "All of them"),
    ]
    if evaluation.outside:
        blocks += _tables(evaluation.outside, "Outside the range that its learner knows")
    rows: list[tuple[Words, ...]] = [
        (Code(target), str(evaluation.outside_count[target]), str(count))
        for target, count in evaluation.memory_count.items()
    ]
    numeric = "outside the range|the memory alone"
    blocks.append(Table.of(f"target|{numeric}", rows, numeric, "Shots"))
    blocks.append(Items(tuple(verdicts(evaluation, coverage))))
    return Section(f"Unseen: {name}", tuple(blocks))


def verdicts(evaluation: Evaluation, coverage: float) -> list[str]:
    """Verdicts whether the model does what is asked of one, in words."""
    lines = [
        f"{name}: {'; '.join(map(str, demands(one, coverage, evaluation.outside.get(name))))}"
        for name, one in evaluation.scores.items()
    ]
    for name, skill in evaluation.skills.items():
        words = skill.words.removesuffix(": not in the file")
        lines.append(f"{name}: {words}; found in {skill.found_count} of {skill.looked_at_count}")
    return lines


def learner_words(item: Regression) -> str:
    """Name of what a file holds for a target."""
    return "the memory alone" if item.learner == MEMORY else item.learner


def _targets(trained: Trained) -> Section:
    judged = trained.other_molds | trained.later
    plots: list[Plot] = []
    for name, item in trained.trial.regressions.items():
        seed = trained.card.origin.seed
        grown = importance(item, trained.table, trained.trial.features, judged, seed)
        coverage = trained.card.coverage
        plots += target_plots(name, trained.table, trained.trial, judged, grown, coverage)
    return Section("On the shots of the test", (Plots(tuple(plots)),))


def _coverage(trained: Trained) -> Section:
    plots = tuple(
        coverage_plot(name, found, trained.card.coverage)
        for name, found in trained.apart.items()
        if found.coverage_by_mold
    )
    rows: list[tuple[Words, ...]] = [
        (Code(name), kind, whose, f"{share:.1%}")
        for name, found in trained.apart.items()
        for kind, shares in (
            ("system", found.coverage_by_system),
            ("mold", found.coverage_by_mold),
        )
        for whose, share in shares.items()
    ]
    blocks: list[Block] = [Plots(plots)] if plots else []
    blocks.append(Table.of("target|kind|which|inside", rows, "inside"))
    return Section("How sure it is", tuple(blocks))


def _risks(trained: Trained) -> list[Section]:
    """Every kind of defect: in the file because it is better than its base rate, or why not."""
    if not trained.final.skills:
        return []
    rows: list[tuple[Words, ...]] = []
    plots: list[Plot] = []
    for name, skill in trained.final.skills.items():
        risk = trained.final.risks.get(name)
        figures = ("-", "-", "-")
        if skill.is_learned:
            figures = (
                f"{skill.brier_skill:+.1%}",
                f"{skill.log_loss_skill:+.1%}",
                f"{skill.p_value:.2g}",
            )
        curves = None if risk is None else risk_curves(risk)
        area = "-" if curves is None else f"{curves.roc_auc:.3f}"
        verdict = "in the file" if skill.is_better else skill.words.partition(":")[0]
        found = f"{skill.found_count} of {skill.looked_at_count}"
        learner = "-" if risk is None else risk.learner
        rows.append(
            (Code(name), found, f"{skill.base_share:.1%}", *figures, area, learner, verdict)
        )
        plots += [] if curves is None else risk_plots(curves)
    numeric = "found|base rate|Brier|log loss|p|area under ROC"
    blocks: list[Block] = [
        Text(
            "A probability is in the file only if it is better than the base rate: on presses that "
            "the models had not seen, later than what they had learned from, its Brier score "
            f"beyond chance (p at most {SIGNIFICANT}, Diebold-Mariano, shots in a row counted as "
            "what they are worth) and its log loss too. Brier and log loss are 1 less the ratio "
            f"to the base rate: 0 % is no better. A kind found less than {FEWEST} times is not "
            "learned."
        ),
        Table.of(f"defect|{numeric}|learner|verdict", rows, numeric),
    ]
    if plots:
        blocks.append(Plots(tuple(plots)))
    return [Section("Defects", tuple(blocks))]


def _learners(trained: Trained) -> Section:
    rows: list[tuple[Words, ...]] = [
        (Code(name), candidate, f"{error:.4g}", "taken" if candidate == item.learner else "")
        for name, item in trained.final.regressions.items()
        for candidate, error in item.errors.items()
    ]
    verdicts = [f"{name}: {item.verdict}" for name, item in trained.final.regressions.items()]
    blocks: list[Block] = [
        Text(
            "Each learner was judged on presses that it had not seen, later than what it had "
            "learned from; errors in units of the residual. One that is not better than the "
            "memory beyond chance is not shipped: the file then holds the memory alone."
        ),
        Table.of("target|learner|error|", rows, "error"),
        Items(tuple(verdicts)),
        Items(tuple(f"{name}: {words}" for name, words in MISSING.items())),
    ]
    return Section("Which learner", tuple(blocks))


def _origin(trained: Trained) -> Section:
    origin, card = trained.card.origin, trained.card
    rows: Sequence[tuple[Words, ...]] = [
        ("data", Code(origin.data_hash)),
        ("configuration", Code(origin.config_hash)),
        ("seed", str(origin.seed)),
        ("git", Code(origin.git_hash)),
        ("physics", Code(card.physics_hash)),
        ("feature schema", Code(card.feature_schema)),
        *((f"system {name}", Code(", ".join(card.hashes_of(name)))) for name in card.systems),
        *((name, value) for name, value in origin.versions.items()),
        ("file", f"{len(trained.content)} bytes"),
        ("file against learners", f"{trained.final.parity:.1g} at most"),
    ]
    return Section("Where it comes from", (Table.of("what|which", list(rows)),))

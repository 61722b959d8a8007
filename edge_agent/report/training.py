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
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.candidates import MISSING
from twin_core.learning.training.curves import importance, risk_curves
from twin_core.learning.training.evaluation import Evaluation
from twin_core.learning.training.risk import FEWEST, SIGNIFICANT
from twin_core.learning.training.scores import Score
from twin_core.learning.training.train import Trained

SCORES = (
    "shots|unit|target|model|physics alone|mean|last value|model / physics|bias|inside|"
    "worst mold|width"
)
SHARE_ALLOWED = 0.5
"""Error of a good correction to that of the physics alone."""
WORSE_ALLOWED = 1.05
"""Outside the range that was learned from."""
INSIDE = 0.03
"""So much may the coverage be off."""
INSIDE_MOLD = 0.8
"""Least coverage on a mold, of intervals of 90 %."""


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
        tone: Tone = "good" if found.ratio <= SHARE_ALLOWED else "warning"
        cards.append(
            Card(name, f"{found.ratio:.2f}", "error to that of the physics, other presses", tone)
        )
    return Cards(tuple(cards))


def score_rows(scores: Mapping[str, Score]) -> list[tuple[Words, ...]]:
    """A row for each target, see ``SCORES``."""
    return [
        (
            str(found.shots_count),
            unit_of(TARGETS[name].quantity),
            Code(name),
            f"{found.rmse:.4g}",
            f"{found.rmse_physics:.4g}",
            f"{found.rmse_mean:.4g}",
            f"{found.rmse_last:.4g}",
            f"{found.ratio:.3f}",
            f"{found.bias:+.2g}",
            f"{found.coverage:.1%}",
            f"{min(found.coverage_by_mold.values()):.0%}" if found.coverage_by_mold else "-",
            f"{found.width:.4g}",
        )
        for name, found in scores.items()
    ]


def _scores(trained: Trained) -> Section:
    numeric = SCORES.replace("unit|target|", "")
    blocks: list[Block] = [
        Text(
            "Root mean square errors in the unit of the target. Baselines: the physics alone, the "
            "physics with the mean residual of all shots, and with the last residual known of the "
            f"mold. Inside: share of shots in their {trained.card.coverage:.0%} interval; worst "
            "mold: the same on the mold where it is lowest (of those with 20 shots or more)."
        ),
        Table.of(
            SCORES, score_rows(trained.apart), numeric, "All shots, by models of other presses"
        ),
    ]
    for part, scores in trained.test.items():
        blocks.append(Table.of(SCORES, score_rows(scores), numeric, f"Test: {part}"))
    return Section("How good it is", tuple(blocks))


def _unseen(name: str, evaluation: Evaluation, coverage: float) -> Section:
    table, numeric = evaluation.table, SCORES.replace("unit|target|", "")
    blocks: list[Block] = [
        Text(
            f"{len(table)} shots on {len(np.unique(table.molds))} molds with no part "
            f"in training, answered by the file itself. {evaluation.outside_count} of them lie "
            "outside the range that it learned from, and for "
            f"{evaluation.withheld_count} it withholds its answer: there the physics stands."
        ),
        Table.of(SCORES, score_rows(evaluation.scores), numeric, "All of them"),
    ]
    if evaluation.outside:
        blocks.append(
            Table.of(SCORES, score_rows(evaluation.outside), numeric, "Outside the range")
        )
    blocks.append(Items(tuple(verdicts(evaluation, coverage))))
    return Section(f"Unseen: {name}", tuple(blocks))


def verdicts(evaluation: Evaluation, coverage: float) -> list[str]:
    """Verdicts whether the model does what is asked of one, in words."""
    lines = []
    for name, one in evaluation.scores.items():
        worst = min(one.coverage_by_mold.values(), default=1.0)
        held = {
            f"error {one.ratio:.2f} of the physics alone (at most {SHARE_ALLOWED})": one.ratio
            <= SHARE_ALLOWED,
            f"{one.coverage:.1%} inside ({coverage - INSIDE:.0%} to {coverage + INSIDE:.0%})": abs(
                one.coverage - coverage
            )
            <= INSIDE,
            f"{worst:.0%} on the worst mold (at least {INSIDE_MOLD:.0%})": worst >= INSIDE_MOLD,
        }
        outside = evaluation.outside.get(name)
        if outside is not None:
            words = f"{outside.ratio:.2f} outside its range (at most {WORSE_ALLOWED})"
            held[words] = outside.ratio <= WORSE_ALLOWED
        words = "; ".join(f"{what}: {'yes' if good else 'NO'}" for what, good in held.items())
        lines.append(f"{name}: {words}")
    for name, skill in evaluation.skills.items():
        words = skill.words.removesuffix(": not in the file")
        lines.append(f"{name}: {words}; found in {skill.found_count} of {skill.looked_at_count}")
    return lines


def _targets(trained: Trained) -> Section:
    judged = trained.other_molds | trained.later
    plots: list[Plot] = []
    for name, item in trained.trial.regressions.items():
        seed = trained.card.origin.seed
        grown = importance(item, trained.table, trained.trial.features, judged, seed)
        plots += target_plots(name, trained.table, trained.trial, judged, grown)
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
    blocks: list[Block] = [
        Text(
            "Each learner was judged on presses that it had not seen, later than what it had "
            "learned from; errors in units of the residual."
        ),
        Table.of("target|learner|error|", rows, "error"),
        Items(tuple(f"{name}: {words}" for name, words in MISSING.items())),
    ]
    int8 = trained.int8
    if int8 is not None:
        blocks.append(
            Text(
                f"The network of {int8.target} as INT8: {int8.bytes_count} bytes become "
                f"{int8.bytes_count_int8}, its error {int8.rmse:.4g} becomes {int8.rmse_int8:.4g}. "
                "The file holds float32: so small a network gains nothing that counts."
            )
        )
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
        *((f"system {name}", Code(value)) for name, value in card.systems.items()),
        *((name, value) for name, value in origin.versions.items()),
        ("file", f"{len(trained.content)} bytes"),
        ("file against learners", f"{trained.final.parity:.1g} at most"),
    ]
    return Section("Where it comes from", (Table.of("what|which", list(rows)),))

"""Answers for shots in a row, as a press gives them: each result teaches once it is known."""

from __future__ import annotations

import numpy as np

from twin_core.learning.adaptive_interval import AdaptiveState, Said, Seen
from twin_core.learning.answers import Answers
from twin_core.learning.training.scores import Corrections
from twin_core.learning.training.table import FeatureSet


def adapted(name: str, table: FeatureSet, answers: Answers, coverage: float) -> Corrections:
    """Corrections of a target for the shots of a table, in the order of their pours.

    Before each pour the intervals of its mold, and the share of the learner on its site, follow
    from the results known until then.

    Args:
        answers: of both layers, (shots,).
        coverage: that is asked for.
    """
    residual, known, pours = table.residual(name), table.known_s(name), table.time_s
    sites, molds = table["site"].astype(str).tolist(), table.molds.tolist()
    due = [i for i in np.argsort(known, kind="stable").tolist() if not np.isnan(residual[i])]
    states: dict[str, dict[str, AdaptiveState]] = {}
    said = list[Said]()
    waiting = list[int]()
    next_due = 0
    for number, (site, mold) in enumerate(zip(sites, molds, strict=True)):
        while next_due < len(due) and known[due[next_due]] < pours[number]:
            waiting.append(due[next_due])
            next_due += 1
        for i in waiting:
            state = states[sites[i]][molds[i]]
            new = state.told(said[i], float(residual[i]), coverage, float(known[i]))
            states[sites[i]][molds[i]] = new
        waiting.clear()
        of_site = states.setdefault(site, {})
        state = of_site.setdefault(mold, AdaptiveState())
        said.append(answers.said(number, Seen.of(state, of_site.values(), float(pours[number]))))
    return Corrections(np.array([one.value for one in said]), np.array([one.half for one in said]))

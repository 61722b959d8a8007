"""The process of the worker: requests from standard input, answers to standard output.

``python -m edge_agent.what_if.process``, started by ``worker.Worker``.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from broker.ml_status import BAD_INPUT, NO_MODEL
from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.parameter_sets import load_applied
from edge_agent.config.settings import CatalogueSettings
from edge_agent.inference.correction import learned
from edge_agent.inference.serving import ModelDirectory
from edge_agent.what_if.answer import answer, for_a_page
from edge_agent.what_if.changes import changed, checked
from edge_agent.what_if.documents import scenario_of_document, set_for, yaml_of
from edge_agent.what_if.frames import frame, read
from twin_core import Scenario, SimulationResult, simulate
from twin_core.calibration.parameter_set import calibrated
from twin_core.compiled import is_kept
from twin_core.errors import InputError, TwinError
from twin_core.scenario import Quality

SHOTS_KEPT = 8
"""Shots as they were, which people compare with again and again."""
COMPILE_S = 170.0
DEFECT_FROM = 0.5
"""Risk from which on a part counts as defective, as in the first generation's classes."""


class Simulator:
    """Answers requests."""

    def __init__(self, hello: dict[str, Any]) -> None:
        """Take the settings of the server; files are read when they are needed."""
        self._folders = CatalogueSettings.model_validate(hello["catalogue"])
        self._quality = Quality.model_validate(hello["quality"])
        self._by_mold = {
            mold_id: Quality.model_validate(one)
            for mold_id, one in hello["quality_by_mold"].items()
        }
        self._models = Path(hello["models"])
        self._trusted = [Path(file) for file in hello.get("trusted_keys", [])]
        self._catalogue: Catalogue | None = None
        self._kept: OrderedDict[str, SimulationResult] = OrderedDict()

    @property
    def catalogue(self) -> Catalogue:
        """The plant's, as it is when it is asked for first, with the parameter sets of now."""
        if self._catalogue is None:
            self._catalogue = read_catalogue(self._folders, self._quality, self._by_mold)
        known, folder = self._catalogue, self._folders.parameter_sets
        with suppress(InputError):  # damaged: what is in use stays, as at the press
            self._catalogue = known.with_sets(load_applied(folder, known.systems, known.molds))
        return self._catalogue

    def simulate(self, document: dict[str, Any]) -> dict[str, Any]:
        """See ``worker.Worker.simulate``."""
        catalogue = self.catalogue
        reported = scenario_of_document(document, catalogue)
        return simulate(calibrated(reported, set_for(document, reported, catalogue))).as_dict()

    def what_if(self, base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """See ``worker.Worker.what_if``."""
        values = checked(changes)
        opened_s = values.pop("opened_s", None)
        catalogue = self.catalogue
        original = scenario_of_document(base, catalogue)
        reported = for_a_page(original)
        used = set_for(base, original, catalogue)
        before = self._shot(calibrated(reported, used))
        index = before.kpis.nco_oh_index
        wanted = changed(reported, index, values) if values else reported
        scenario = calibrated(wanted, used)
        after = before if scenario == before.scenario else simulate(scenario)
        return {
            "base": answer(before, opened_s, reported, used),
            "changed": answer(after, opened_s, wanted, used),
            "yaml": yaml_of(scenario.model_copy(update={"simulation": original.simulation})),
        }

    def check_optimization(self, document: dict[str, Any]) -> dict[str, Any]:
        """See ``worker.Worker.check_optimization``."""
        from edge_agent.what_if.optimization_task import task_of_document

        task = task_of_document(document, self.catalogue)
        return {
            "mold_id": task.scenario.mold.mold_id,
            "system_id": task.scenario.system.system_id,
            "goals": list(task.goals),
            "candidates": task.candidates,
            "draws": task.draws,
        }

    def predict(self, features: dict[str, float], system_id: str | None) -> dict[str, Any]:
        """See ``worker.Worker.predict``."""
        entry = ModelDirectory(self._models, self._trusted).refresh().serving("pour")
        card = None if entry is None or entry.model is None else entry.model.card
        if card is not None and system_id is None:
            if len(card.systems) != 1:
                words = f"system_id: is missing: the model knows {', '.join(sorted(card.systems))}"
                return {"ml_status": BAD_INPUT, "ml_words": words}
            system_id = next(iter(card.systems))
        known = () if card is None else card.hashes_of(system_id or "")
        found = learned(entry, features, (system_id or "", known[0] if known else ""))
        correction = found.correction
        risk = None if correction is None else correction.defect_risk
        words = found.words
        if found.ml_status == NO_MODEL:
            words = f"{self._models}: no model for the pour is promoted"
        return {
            "ml_status": found.ml_status,
            "ml_words": words,
            "defect_risk_pred": risk,
            "defect_class_pred": None if risk is None else int(risk >= DEFECT_FROM),
            "model_version": None if correction is None else correction.model,
            "correction": None if correction is None else correction.model_dump(mode="json"),
        }

    def _shot(self, scenario: Scenario) -> SimulationResult:
        key = scenario.model_dump_json()
        found = self._kept.pop(key, None) or simulate(scenario)
        self._kept[key] = found
        if len(self._kept) > SHOTS_KEPT:
            self._kept.popitem(last=False)
        return found


def answered(simulator: Simulator, request: dict[str, Any]) -> bytes:
    """The answer to a request; what is wrong with it is an answer, too."""
    what = request.pop("do")
    try:
        return frame({"result": getattr(simulator, what)(**request)})
    except InputError as error:
        problem = {"kind": "input", "words": str(error), "hint": error.hint}
    except TwinError as error:
        problem = {"kind": "solver", "words": str(error), "hint": error.hint}
    except ValueError as error:  # a number that is not finite
        problem = {"kind": "solver", "words": f"no answer: {error}", "hint": "report the scenario"}
    return frame({"error": problem})


def compile_apart(systems: Path) -> None:
    """Have the model compiled by a process that ends: the compiler never gives its memory back."""
    if not is_kept():
        command = (sys.executable, "-m", "edge_agent.pipeline.compile_ahead", str(systems))
        subprocess.run(command, timeout=COMPILE_S, check=False, stdout=subprocess.DEVNULL)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the other end is gone."""
    hello = read(requests)
    if hello is None:
        return
    simulator = Simulator(hello)
    compile_apart(simulator._folders.systems)
    gc.freeze()
    while (request := read(requests)) is not None:
        answers.write(answered(simulator, request))
        answers.flush()


def main() -> None:
    """Serve on standard input and output; what is printed by mistake goes to the log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()

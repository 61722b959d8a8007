"""Feature sets, the memory of a new spool and models with a parameter set in use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.parameter_sets import AppliedSets
from edge_agent.config.settings import CatalogueSettings
from edge_agent.learning.memory_from_history import _row
from edge_agent.learning.recall import Recall
from tests.support.feature_rows import built, history, plant, row, shots_of
from tests.support.parameter_sets import MOLD, SYSTEM, made_set, small_catalogue
from twin_core.errors import InputError
from twin_core.learning.basis import basis_of
from twin_core.learning.card import Card
from twin_core.learning.training.describe import _systems

NUMBERS = {"T_core_offset_C": 3.0, "p_cavity_offset_bar": 0.1, "T_mold_offset_C": 2.0}
USED = made_set(0.8, {MOLD: NUMBERS})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folders = small_catalogue(tmp_path_factory.mktemp("plant"), MOLD, "PANEL_B")
    return read_catalogue(CatalogueSettings.model_validate(folders))


@pytest.fixture(scope="module")
def calibrated(plain: Catalogue) -> Catalogue:
    return plain.with_sets(AppliedSets({(MOLD, SYSTEM): USED}, {}))


def test_rows_stand_on_the_set_and_inputs_stay_what_was_reported(
    tmp_path: Path, plain: Catalogue, calibrated: Catalogue
) -> None:
    shots = shots_of(history(tmp_path / "h.db", [*plant(3), *plant(1, mold="PANEL_B")]))
    without, _ = built(shots, plain)
    found, _ = built(shots, calibrated)
    bare = made_set(0.8, {MOLD: {"T_mold_offset_C": 2.0}})
    true, _ = built(shots, plain.with_sets(AppliedSets({(MOLD, SYSTEM): bare}, {})))
    hashes = dict(zip(found.columns["mold_id"], found.columns["parameters_hash"], strict=True))
    assert hashes == {MOLD: USED.parameters_hash(), "PANEL_B": USED.system_hash}
    of_mold = list(found.columns["mold_id"]).index(MOLD)
    name = str(found.columns["shot_id"][of_mold])
    old, new, real = (row(one, name) for one in (without, found, true))
    assert {n: v for n, v in new.items() if n.startswith("proc_")} == {
        n: v for n, v in old.items() if n.startswith("proc_")
    }
    assert new["sim_t_gel_s"] > 1.05 * old["sim_t_gel_s"]
    assert new["sim_T_core_max_C"] == pytest.approx(real["sim_T_core_max_C"] - 3.0)
    assert new["sim_p_max_bar"] == pytest.approx(real["sim_p_max_bar"] - 0.1)
    assert new["delta_T_core_max_C"] == pytest.approx(real["delta_T_core_max_C"] + 3.0)
    assert _systems(found.columns)[SYSTEM] == tuple(sorted(set(hashes.values())))
    assert _systems(without.columns)[SYSTEM] == USED.system_hash

    shot = next(shot for shot in shots if shot.key.mold_id == MOLD)
    remembered = _row(shot, {}, calibrated, 1800.0)
    assert remembered.basis == basis_of(SYSTEM, USED.parameters_hash())
    same = {n: v for n, v in remembered.poured.items() if not np.isnan(v)}
    assert same == pytest.approx({n: row(found, shot.key.shot_id)[n] for n in same}, rel=2e-4)


def test_a_set_makes_the_history_be_read_again(plain: Catalogue, calibrated: Catalogue) -> None:
    recall = Recall.__new__(Recall)
    materials = []
    for catalogue in (plain, calibrated, plain):
        recall.renew(catalogue)
        materials.append(recall._materials)
    assert materials[0] == materials[2] != materials[1]


def test_a_model_knows_each_hash_that_it_learned_with() -> None:
    both = USED.system_hash, USED.parameters_hash()
    card = Card.model_construct(systems={SYSTEM: both, "OTHER": USED.system_hash})
    assert card.hashes_of(SYSTEM) == both
    assert card.hashes_of("OTHER") == (USED.system_hash,)
    assert card.hashes_of("NONE") == ()
    field = TypeAdapter(Card.model_fields["systems"].annotation)
    assert field.validate_json(field.dump_json(card.systems)) == card.systems


def test_several_parameters_of_one_mold_are_refused(tmp_path: Path, plain: Catalogue) -> None:
    found, _ = built(shots_of(history(tmp_path / "h.db", plant(3))), plain)
    found.columns["parameters_hash"][0] = "ab" * 8
    with pytest.raises(InputError, match="several parameters: build it anew"):
        _systems(found.columns)

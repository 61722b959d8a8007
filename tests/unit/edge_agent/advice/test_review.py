"""Which shots an advice is judged by, and what is said: from a history file to the command."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from broker.messages import Advice
from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.advice.review import Review, ShotAndResults, review
from edge_agent.cli import main
from edge_agent.history.rows import event_row
from tests.support.web_app import put_rows

ACCEPTED = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
NOW = ACCEPTED + timedelta(days=4)
PLACE = {"site": "s", "press": "p1", "mold_id": "M"}


def advice(**more: Any) -> Advice:
    values: dict[str, Any] = {
        **PLACE,
        "ts": ACCEPTED,
        "advice_id": "a1",
        "state": "accepted",
        "proposal": {
            "system_id": "R1",
            "changes": [
                {"name": "T_mold_C", "value": 47.0, "before": 45.0},
                {"name": "t_open_s", "value": 270.0, "before": 300.0},
            ],
            "why": "sooner",
            "gain_s": 30.0,
        },
        "proposed_at": ACCEPTED - timedelta(hours=1),
        "proposed_by": "eva",
        "accepted_at": ACCEPTED,
        "accepted_by": "max",
        "revision": 2,
    }
    return Advice.model_validate(values | more)


def shot(
    number: int, hours: float, t_s: float | None, T_mold_C: float, **more: Any
) -> dict[str, Any]:
    return {
        **PLACE,
        "shot_key": f"{number:020x}",
        "shot_id": f"S{number}",
        "revision": 1,
        "system_id": "R1",
        "outcome": "demolded",
        "poured_at": format_timestamp(ACCEPTED + timedelta(hours=hours)),
        "t_demold_actual_s": t_s,
        "T_core_max_C": 110.0,
        "p_cavity_max_bar": None,
        "recipe": {"m_polyol_kg": 0.4, "m_iso_kg": 0.45, "T_mold_C": T_mold_C},
        "simulated": False,
    } | more


def some(
    count: int, begin: float, t_s: float, T_mold_C: float, first: int, **more: Any
) -> list[dict[str, Any]]:
    random = np.random.default_rng(first)
    return [
        shot(first + n, begin + 0.1 * n, t_s + float(random.normal(0, 4.0)), T_mold_C, **more)
        for n in range(count)
    ]


BEFORE = some(30, -10.0, 300.0, 45.0, 0)
AFTER = some(20, 1.0, 269.0, 47.1, 100)


def judged(*shots: list[dict[str, Any]], of: Advice | None = None) -> Review:
    found = [ShotAndResults(one) for part in shots for one in part]
    return review(of or advice(), found, NOW)


def test_a_gain_that_was_expected() -> None:
    found = judged(BEFORE, AFTER)
    opening = found.comparisons[0]
    assert (opening.before_count, opening.after_count, opening.verdict) == (30, 20, "less")
    assert "earlier than before" in found.words
    assert found.words.endswith("30.0 s earlier were expected: that fits")
    assert (found.before_count, found.followed_count, found.others_count) == (30, 20, 0)
    assert found.not_checked == ("t_open_s",)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (some(20, 1.0, 290.0, 47.0, 100), "30.0 s earlier were expected: it is less"),
        (some(20, 1.0, 250.0, 47.0, 100), "30.0 s earlier were expected: it is more"),
        (some(20, 1.0, 300.0, 47.0, 100), "no change of the opening time can be seen"),
        (some(20, 1.0, 320.0, 47.0, 100), "opened 21.3 s later than before (19.0 to 23.6 s, 95 %)"),
        (some(7, 1.0, 272.0, 47.0, 100), "too few shots with an opening time: 30 before, 7 after"),
        ([], "too few shots with an opening time: 30 before, 0 after"),
    ],
)
def test_what_else_may_come_of_it(after: list[dict[str, Any]], words: str) -> None:
    found = judged(BEFORE, after).words
    assert words in found
    assert not ("later" in found and "-" in found), "not: earlier by less than nothing"


def test_only_shots_of_it_count() -> None:
    others = [
        some(9, 1.0, 100.0, 45.4, 200),  # as before: it was not followed
        some(9, 1.0, 100.0, 47.0, 300, mold_id="N"),
        some(9, 1.0, 100.0, 47.0, 400, system_id="M1"),
        some(9, 1.0, 100.0, 47.0, 500, press="p2"),
        some(9, 1.0, 100.0, 47.0, 600, simulated=True),
        some(9, 1.0, 100.0, 47.0, 700, outcome="aborted"),
        some(9, 200.0, 100.0, 47.0, 800),  # of the future
        some(9, -24.0 * 40, 100.0, 45.0, 900),  # long ago
    ]
    found, alone = judged(BEFORE, AFTER, *others), judged(BEFORE, AFTER)
    not_counted = {"of another material": 9, "of a simulator": 9, "aborted": 9}
    assert (found.others_count, found.not_counted) == (9, not_counted)
    assert found.words == (
        f"{alone.words}; shots that are not counted: 9 of another material, 9 of a simulator, "
        "9 aborted (the advice is for shots of a real press)"
    )
    assert alone.not_counted == {}
    assert found.comparisons == alone.comparisons
    ended = judged(BEFORE, AFTER, of=advice(ended_at=ACCEPTED + timedelta(hours=1.55)))
    assert ended.followed_count == 6
    never = judged(BEFORE, AFTER, of=advice(accepted_at=None, state="refused"))
    assert never.words == "it was never accepted: it is refused"


def test_advice_for_real_shots_is_not_judged_by_simulated_ones() -> None:
    before, after = some(9, -2.0, 300.0, 45.0, 0), some(9, 1.0, 269.0, 47.0, 100)
    plant = [one | {"simulated": True} for one in (*before, *after)]
    real = judged(plant).words
    assert "too few shots with an opening time: 0 before, 0 after" in real
    assert "not counted: 18 of a simulator (the advice is for shots of a real press)" in real
    assert "earlier than before" in judged(plant, of=advice(simulated=True)).words
    other = judged(before, after, of=advice(simulated=True)).words
    assert "18 of a real press (the advice is for shots of a simulator)" in other


def test_the_command_reads_the_history(tmp_path: Path) -> None:
    found = advice()
    proposed = found.model_copy(update={"state": "proposed", "revision": 1, "accepted_at": None})
    rows: list[tuple[str, dict[str, Any]]] = [("shot", one) for one in (*BEFORE, *AFTER)]
    for one in (found, proposed):
        row = event_row(
            PressAddress("s", "p1"), "advice", one.ts, one.model_dump(mode="json"),
            mold_id="M", shot_id=None, shot_key=None, received_at=None,
        )  # fmt: skip
        rows.append(("event", json.loads(row.document)))
    for number, of in enumerate((*BEFORE, *AFTER)):
        said = {**PLACE, "shot_id": of["shot_id"], "ts": format_timestamp(NOW),
                "shot_key": of["shot_key"], "H_24h_shore": 60.0 + number % 2, "defects": [],
                "scrap": number < 3, "document": {}, "simulated": False}  # fmt: skip
        rows.append(("quality", said))
    asyncio.run(put_rows(tmp_path / "history.db", rows))
    config = tmp_path / "agent.yaml"
    config.write_text(
        json.dumps({"site": "s", "presses": ["p1"], "agent_id": "a",
                    "history": {"path": str(tmp_path / "history.db")}})
    )  # fmt: skip

    def ran(*options: str) -> str:
        done = CliRunner().invoke(main, ["advice", "-c", str(config), *options])
        assert done.exit_code == 0, done.output
        return done.output

    (judged_,) = json.loads(ran("--review", "--output", "json"))
    assert (judged_["followed_count"], judged_["advice"]["state"]) == (20, "accepted")
    by_name = {one["name"]: one for one in judged_["comparisons"]}
    assert by_name["H_24h_shore"]["verdict"] == "no difference seen"
    assert (by_name["scrap_share"]["before"], by_name["scrap_share"]["after"]) == (0.1, 0.0)
    assert "fits" in ran("--review")
    assert "accepted" in ran()
    none = CliRunner().invoke(main, ["advice", "-c", str(config), "--mold", "NONE"])
    assert (none.exit_code, "no advice" in none.output) == (1, True)
    (tmp_path / "history.db").unlink()
    assert CliRunner().invoke(main, ["advice", "-c", str(config)]).exit_code == 1

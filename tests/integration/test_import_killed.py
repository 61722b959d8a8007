"""Import of many shots from PostgreSQL: little memory, and no shot lost or doubled by SIGKILL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.logged_shots.from_bundles import bundle_folders
from tests.support.processes import ROOT
from tests.support.timescale import TimescaleServer, new_database

COUNT = int(os.environ.get("TWIN_IMPORT_SHOTS", "1500"))
pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("postgres"),
    pytest.mark.xdist_group("db"),
    pytest.mark.timeout(1800 + COUNT // 10),
]
READINGS = int(os.environ.get("TWIN_IMPORT_READINGS", "10"))
KILLS = 4
LOOK_EVERY_S = max(0.02, COUNT / 100_000)
"""Who counts what is done holds up who notes it."""
MEMORY_MB = 300
FIRST = datetime(2025, 1, 1)
MAPPING = """\
driver: postgresql
host: {host}
port: {port}
database: {database}
user: {user}
password_file: {folder}/password
table: shots
time_zone: UTC
columns:
  shot_id: id
  poured_at: poured
  mold_id: mold
  press: press
  system_id: {{value: SYSTEM_R1}}
  m_polyol_kg: {{value: 1.0}}
  m_iso_kg: {{value: 1.1}}
  t_demold_actual_s: {{value: 240}}
  rho_moulded_kg_per_m3: density
series:
  table: readings
  shot: shot
  time: {{column: t, unit: s}}
  signals: {{T_core_C: core, p_cavity_bar: pressure}}
"""


async def filled(server: TimescaleServer, folder: Path) -> Path:
    """The mapping of a database with many shots."""
    url = await new_database(server.url)
    db = await asyncpg.connect(url)
    await db.execute(
        "CREATE TABLE shots (id text PRIMARY KEY, poured timestamp, mold text, press text, "
        "density double precision); CREATE TABLE readings (shot text, t real, core real, "
        "pressure real)"
    )
    shots = (
        (f"{n:06d}", FIRST + timedelta(minutes=n), f"M{n % 7}", f"p{n % 3}", 60.0 + n % 9)
        for n in range(COUNT)
    )
    await db.copy_records_to_table("shots", records=shots)
    readings = (
        (f"{n:06d}", 20.0 * t / READINGS, 25.0 + 90.0 * t / READINGS, 1.0 + 0.5 * t / READINGS)
        for n in range(COUNT)
        for t in range(READINGS)
    )
    await db.copy_records_to_table("readings", records=readings)
    await db.execute("CREATE INDEX ON readings (shot)")
    await db.close()
    login, _, place = url.removeprefix("postgresql://").partition("@")
    user, _, password = login.partition(":")
    address, _, database = place.partition("/")
    host, _, port = address.partition(":")
    (folder / "password").write_text(password)
    path = folder / "mes.yaml"
    path.write_text(
        MAPPING.format(host=host, port=port, database=database, user=user, folder=folder)
    )
    return path


def run_until(folder: Path, arguments: list[str], done_count: int | None) -> tuple[int, float]:
    """Run the import; SIGKILL when so many shots are done. Exit code, and memory in MB."""
    command = [sys.executable, "-m", "edge_agent", "import-logs", *arguments, "--output", "json"]
    output = (folder / "report.json").open("wb")
    with output:
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)],
        )
    state, memory = folder / "state.db", 0.0
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), memory
        memory = max(memory, _memory_mb(pid))
        if done_count is not None and _done(state) >= done_count:
            os.kill(pid, signal.SIGKILL)
            done_count = None
        signal.sigtimedwait([], LOOK_EVERY_S)


def _memory_mb(pid: int) -> float:
    """The most that it has had since it began; ``ru_maxrss`` counts what its parent had, too."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak = status.partition("VmHWM:")[2].split()  # none of a process that has just ended
    return int(peak[0]) / 1024 if peak else 0.0


def _done(state: Path) -> int:
    if not state.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM shot").fetchone()[0])
    except sqlite3.Error:  # it is being made, or written
        return 0


@pytest.mark.parametrize("target", ["history", "bundles"])
async def test_killed_again_and_again(
    target: str, server: TimescaleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    mapping = await filled(server, tmp_path)
    out = tmp_path / "out"
    place = ["--history", str(tmp_path / "h.db")] if target == "history" else ["-o", str(out)]
    arguments = ["-s", str(mapping), *place, "--state", str(tmp_path / "state.db")]
    memory, codes = [], []
    began = time.monotonic()
    for number in range(KILLS + 1):
        limit = COUNT * (number + 1) // (KILLS + 1) if number < KILLS else None
        code, used = await asyncio.to_thread(run_until, tmp_path, arguments, limit)
        codes.append(code)
        memory.append(used)
    took_s = time.monotonic() - began
    assert codes == [-signal.SIGKILL] * KILLS + [0]
    assert max(memory) < MEMORY_MB, memory
    report = json.loads((tmp_path / "report.json").read_text())["shots"]
    done = ("imported", "done_before", "there_already")  # delivered, and killed before it is noted
    assert sum(report[name] for name in done) == COUNT
    assert (report["changed"], report["refused"]) == (0, 0)
    if target == "history":
        with closing(sqlite3.connect(tmp_path / "h.db")) as db:
            counts = [
                db.execute(f"SELECT count(*), count(DISTINCT {key}) FROM {table}").fetchone()
                for table, key in (("shot", "shot_id"), ("quality", "shot_id"))
            ]
            (frames,) = db.execute("SELECT count(*) FROM telemetry").fetchone()
        assert counts == [(COUNT, COUNT)] * 2
        assert frames == COUNT * READINGS
    else:
        folders = bundle_folders(out)
        assert len(folders) == COUNT
        assert len({path.name.split("_")[3] for path in folders}) == COUNT
        some = load_bundle(folders[COUNT // 2])
        assert len(some.readings("T_core_C")) == READINGS
    print(
        f"{target}: {COUNT} shots of {READINGS} rows of readings, {took_s:.0f} s over {KILLS} "
        f"SIGKILLs, {max(memory):.0f} MB"
    )

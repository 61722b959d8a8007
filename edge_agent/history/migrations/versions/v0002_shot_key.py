"""Key of a shot in every table, and as the key of shots and predictions.

Shots and predictions get the key that the agent gives them, too, when it goes on with an older
spool: of their pour (``edge_agent.shots.shot_key.key_of_older``). Telemetry and quality records
get an empty column, without a default: nothing is written anew, compressed chunks neither.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_FIRST = {
    "shot": "CASE WHEN poured_at IS NOT NULL THEN 'poured'"
    " WHEN started_at IS NOT NULL THEN 'started'"
    " WHEN closed_at IS NOT NULL THEN coalesce(outcome, 'ended') ELSE 'unknown' END",
    "prediction": "CASE WHEN poured_at IS NOT NULL THEN 'poured' ELSE 'unknown' END",
}
_AT = {"shot": "poured_at, started_at, closed_at", "prediction": "poured_at"}
_TIME = 'YYYY-MM-DD"T"HH24:MI:SS.US'
_KEYS = """
UPDATE {name} SET shot_key = left(encode(sha256(convert_to(
    concat_ws('/', site, press, coalesce(mold_id, ''), shot_id, {first},
        to_char(coalesce({at}, to_timestamp(0)) AT TIME ZONE 'UTC', '{time}') || 'Z'),
    'UTF8')), 'hex'), 20)
"""
_REPEATED = """
WITH numbered AS (
    SELECT ctid AS place, site, press, shot_key, issued_at,
           row_number() OVER (PARTITION BY site, press, shot_key, revision
                              ORDER BY issued_at, basis) AS nth,
           max(revision) OVER (PARTITION BY site, press, shot_key) AS newest
    FROM prediction),
again AS (
    SELECT place, newest + row_number() OVER (PARTITION BY site, press, shot_key
                                              ORDER BY issued_at, nth) AS revision
    FROM numbered WHERE nth > 1)
UPDATE prediction SET revision = again.revision FROM again WHERE prediction.ctid = again.place
"""
"""A revision that two predictions of a shot have, told apart by their basis only: the later one
gets a number of its own."""


def upgrade() -> None:
    """Apply."""
    for name in ("telemetry", "quality", "shot", "prediction"):
        op.execute(f"ALTER TABLE {name} ADD COLUMN shot_key text")
    for name in ("shot", "prediction"):
        op.execute(_KEYS.format(name=name, first=_FIRST[name], at=_AT[name], time=_TIME))
        op.execute(f"ALTER TABLE {name} DROP CONSTRAINT {name}_pkey")
    op.execute(_REPEATED)
    op.execute("ALTER TABLE shot ADD COLUMN revision bigint")
    op.execute("ALTER TABLE shot ADD PRIMARY KEY (site, press, shot_key)")
    op.execute("ALTER TABLE prediction ADD PRIMARY KEY (site, press, shot_key, revision)")
    for name in ("shot", "prediction"):
        op.execute(f"CREATE INDEX {name}_name ON {name} (shot_id)")

"""Arrival and content of every row, and a table of events.

Quality records get their content here; there are few. The telemetry gets empty columns and nothing
is written anew, compressed chunks neither; where it has rows its new key is made afterwards, beside
the agent's work (``edge_agent.history.telemetry_key``).
"""

from __future__ import annotations

import json

from alembic import op
from sqlalchemy import text

from edge_agent.history.content import document_content
from edge_agent.history.telemetry_key import BY_TIME, DROP_OLDER, UNIQUE

revision = "0003"
down_revision = "0002"

_COLUMNS = """
ALTER TABLE quality ADD COLUMN received_at timestamptz, ADD COLUMN content text;
ALTER TABLE shot ADD COLUMN received_at timestamptz, ADD COLUMN corrected jsonb,
    ADD COLUMN readings_left_out jsonb;
CREATE TABLE event (
    site text NOT NULL, press text NOT NULL, kind text NOT NULL, ts timestamptz NOT NULL,
    received_at timestamptz, mold_id text, shot_id text, shot_key text, content text NOT NULL,
    document jsonb, simulated boolean,
    PRIMARY KEY (site, press, kind, ts, content));
CREATE INDEX event_ts ON event (ts);
CREATE INDEX event_shot ON event (shot_id);
CREATE TABLE telemetry_older (until timestamptz NOT NULL);
INSERT INTO telemetry_older VALUES (now() + INTERVAL '1 day')
"""
"""``telemetry_older``: frames up to then may have come to an older program, see ``timescale``."""
_CONTENT_OF_QUALITY = """
UPDATE quality SET content = :found WHERE ctid = CAST(CAST(:place AS text) AS tid)
"""
_OF_TELEMETRY = (
    "ALTER TABLE telemetry ADD COLUMN received_at timestamptz",
    "ALTER TABLE telemetry ADD COLUMN content text",
)


def upgrade() -> None:
    """Apply."""
    for statement in (*_COLUMNS.split(";\n"), *_OF_TELEMETRY):
        op.execute(statement)
    connection = op.get_bind()
    rows = connection.execute(text("SELECT ctid::text, document::text FROM quality")).all()
    values = [
        {"place": place, "found": document_content(json.loads(document or "{}"))}
        for place, document in rows
    ]
    if values:
        connection.execute(text(_CONTENT_OF_QUALITY), values)
    for statement in (
        "ALTER TABLE quality ALTER COLUMN content SET NOT NULL",
        "ALTER TABLE quality DROP CONSTRAINT quality_pkey",
        "ALTER TABLE quality ADD PRIMARY KEY (site, press, shot_id, ts, content)",
    ):
        op.execute(statement)
    if connection.scalar(text("SELECT NOT EXISTS (SELECT 1 FROM telemetry)")):
        op.execute(f"CREATE UNIQUE INDEX {UNIQUE}")
        op.execute(f"CREATE INDEX IF NOT EXISTS {BY_TIME}")
        op.execute(DROP_OLDER)

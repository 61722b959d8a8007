"""Alerts with who acknowledged them, and whether a part was scrap; nothing is written anew."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_ALERT = """
CREATE TABLE alert (
    site text NOT NULL, press text NOT NULL, alert_id text NOT NULL, revision bigint, code text,
    severity text, words text, mold_id text, shot_id text, shot_key text, raised_at timestamptz,
    told_at timestamptz, told_count bigint, acknowledged_at timestamptz, acknowledged_by text,
    note text, closed_at timestamptz, closed_by text, document jsonb, simulated boolean,
    PRIMARY KEY (site, press, alert_id))
"""


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE quality ADD COLUMN scrap boolean")
    op.execute(_ALERT)
    op.execute("CREATE INDEX alert_raised ON alert (raised_at)")

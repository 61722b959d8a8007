"""Readings of a frame that were left out, and why: an empty column, nothing is written anew."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE telemetry ADD COLUMN left_out jsonb")

"""Entry of Alembic: the versions run in the transaction of the connection that it is given."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from edge_agent.history.migrations import ONE_AT_A_TIME

connection = context.config.attributes["connection"]
connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
context.configure(connection=connection)
context.run_migrations()

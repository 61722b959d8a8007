"""The schema of the TimescaleDB history, in versions that Alembic applies."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.errors import MissingExtra, StoreError
from edge_agent.run_apart import run_apart

HEAD = "0005"
"""The version this program works with: the newest in ``versions/``."""
NEWER = "install the version that made these tables, or a newer one, or name another database"
"""The way out where an old program finds the tables of a newer one."""
ONE_AT_A_TIME = 0x50555254
"""Key of the lock that a migration has for itself and those who write share."""
UPGRADE_TIMEOUT_S = 120.0
HINT_MARK = "\nhint: "
"""Between the words of an error and its hint, where a process says both."""


async def upgrade_apart(url: str) -> None:
    """``upgrade`` in a process of its own.

    Raises:
        StoreError: with what that process said.
    """
    command = (sys.executable, "-m", "edge_agent.history.migrations")
    said = url.encode()  # not an argument: others see those
    done = await run_apart(command, said, timeout_s=UPGRADE_TIMEOUT_S)
    if done.returncode != 0:
        words, _, hint = done.stderr.decode(errors="replace").strip().partition(HINT_MARK)
        raise StoreError(words.strip() or f"exit {done.returncode}", hint=hint.strip())


async def upgrade(url: str) -> None:
    """Bring a database to ``HEAD``; nothing when it is there, and safe when two agents do it.

    Raises:
        StoreError: the database cannot be reached, or is of a newer program, or we may not.
        MissingExtra: Alembic is not installed.
    """
    try:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError
        from sqlalchemy import Connection
        from sqlalchemy.exc import SQLAlchemyError

        from edge_agent.history.connection import database_hint
        from edge_agent.history.engine import make_engine
    except ImportError as error:
        raise MissingExtra(f"the history in TimescaleDB needs {error.name}", "timescale") from None

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)

    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    except CommandError as error:
        raise StoreError(
            f"the history is of a newer program: {error}: update this program", hint=NEWER
        ) from error
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"the history cannot be brought to version {HEAD}: {cause}", hint=database_hint(cause)
        ) from error
    finally:
        await engine.dispose()

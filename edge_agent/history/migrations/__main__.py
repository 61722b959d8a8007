"""``python -m edge_agent.history.migrations``: upgrade the database whose address is on stdin.

The agent calls it so: Alembic would stay in its memory, and hold up the event loop while it loads.
"""

from __future__ import annotations

import asyncio
import sys

from edge_agent.history.migrations import HINT_MARK, upgrade
from twin_core.errors import TwinError

try:
    asyncio.run(upgrade(sys.stdin.read()))
except TwinError as error:
    sys.exit(f"{error}{HINT_MARK}{error.hint}")

"""Patience with the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from edge_agent.errors import StoreError
from edge_agent.logs import get_logger

RETRY_S = 1.0
"""Pause when the spool cannot be written; the broker keeps what is not acknowledged."""


async def until_written(
    stage: str, call: Callable[..., Awaitable[object]], *arguments: Any, what: str = "spool"
) -> None:
    """Try a write until the disk takes it; the trouble and its end are logged once each.

    Args:
        what: is written to, as the events of the log name it.
    """
    failed = False
    while True:
        try:
            await call(*arguments)
        except StoreError as error:
            if not failed:
                get_logger().error(f"{what}_write_failed", stage=stage, error=str(error))
            failed = True
            await asyncio.sleep(RETRY_S)
        else:
            if failed:
                get_logger().info(f"{what}_write_recovered", stage=stage)
            return

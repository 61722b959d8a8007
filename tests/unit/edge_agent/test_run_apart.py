"""A program beside the agent: what it says, and that it can be broken off at any moment."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from edge_agent.run_apart import last_words, run_apart
from tests.support.waiting import wait_for

SLEEP = (sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(600)")
ECHO = "import os, sys; sys.stdout.write(sys.stdin.read() + str(os.nice(0)))"


async def test_what_a_program_says() -> None:
    slow = (sys.executable, "-c", f"import time; time.sleep(0.5); {ECHO}")
    done = await run_apart(slow, b"hello ", timeout_s=60.0, nice=3)
    assert done.returncode == 0
    assert done.stdout == f"hello {min(os.nice(0) + 3, 19)}".encode()


async def test_the_last_words_of_one_that_failed() -> None:
    words = "import sys; sys.stderr.write('first\\nno space'); sys.exit(3)"
    done = await run_apart((sys.executable, "-c", words), timeout_s=60.0)
    assert (done.returncode, last_words(done)) == (3, "no space")
    silent = await run_apart((sys.executable, "-c", "raise SystemExit(4)"), timeout_s=60.0)
    assert last_words(silent) == "no reason given"


async def test_one_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        await run_apart(SLEEP, timeout_s=0.2)


async def test_one_that_cannot_be_started() -> None:
    with pytest.raises(OSError, match="no/such"):
        await run_apart(("no/such/program",), timeout_s=1.0)


@pytest.mark.parametrize("turns", range(6))
def test_a_loop_ends_though_a_program_has_just_begun(turns: int, tmp_path: Path) -> None:
    """With asyncio's own processes it waits for ever, where it ends in the wrong turn."""
    note = tmp_path / "pid"
    write = f"import os; open({str(note)!r}, 'w').write(str(os.getpid()))"
    command = (sys.executable, "-c", f"{write}; {SLEEP[-1]}")

    async def begin() -> None:
        task = asyncio.create_task(run_apart(command, b"x", timeout_s=600.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(begin())
    if note.exists():  # it came so far
        pid = int(note.read_text() or 0)
        wait_for(lambda: not pid or not Path(f"/proc/{pid}").exists(), "its end")

"""What libraries and Python itself write to stderr, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.processes import ROOT

SCRIPT = """
import asyncio, logging, threading, warnings
from edge_agent.monitoring.library_logs import take_over
from edge_agent.logs import configure
configure()
take_over()
logging.getLogger("alembic").error("Caught exception in %s", "on_connect")
logging.getLogger("quiet").info("nobody asked")
logging.getLogger("wrong").error("%d", "no number")
for number in range(100):
    logging.getLogger("storm").warning("%d pending\\ncalls", number)
warnings.warn("old")

class Broken:
    def __del__(self):
        raise ValueError("in del")

Broken()

def die():
    raise ValueError("in a thread")

thread = threading.Thread(target=die, name="worker")
thread.start()
thread.join()

async def main():
    async def fails():
        raise ValueError("forgotten")
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    del task
    asyncio.get_running_loop().call_soon(die)
    await asyncio.sleep(0.01)

asyncio.run(main())
raise RuntimeError("the end\\nof it")
"""


def test_every_line_is_an_event_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    found = {(line["event"], line["reason"]): line for line in lines}
    assert done.returncode == 1
    reported = {reason for event, reason in found if event == "library_reported"}
    assert reported == {"alembic", "wrong", "storm", "py.warnings", "unraisable", "asyncio"}
    assert "on_connect" in found["library_reported", "alembic"]["detail"]
    assert sum(line["reason"] == "storm" for line in lines) == 10
    asyncio_lines = [line for line in lines if line["reason"] == "asyncio"]
    assert any("forgotten" in line["exception"] for line in asyncio_lines)
    assert "in a thread" in found["thread_died", "worker"]["exception"]
    assert found["agent_died", "RuntimeError"]["detail"] == "the end\nof it"

"""Figures of an agent that runs as a process, from outside: metrics, input and output, syscalls."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

SYNCED = ("fdatasync", "fsync")
SLOW_DISK_S = 0.05
TRACED = ("strace", "-D", "--seccomp-bpf", "-f", "-o", "/dev/null", "-e", "trace=fdatasync")
"""Prefix of a command whose syscalls are looked at, as those of a slow disk are, and left alone."""
SLOW_DISK = (*TRACED, "-e", f"inject=fdatasync:delay_enter={1e6 * SLOW_DISK_S:.0f}")
"""Prefix of a command for which every synced write takes 50 ms longer."""


def health(port: int) -> dict[str, object]:
    """The section of the configuration that makes an agent show its metrics."""
    return {"health": {"enabled": True, "port": port}}


def scraped(port: int) -> dict[str, float]:
    """Metrics of an agent: ``name`` or, with labels, ``name/value/...`` in the order of labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        families = text_string_to_metric_families(page.read().decode())
        return {
            "/".join([sample.name, *sample.labels.values()]): sample.value
            for family in families
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }


def stage(metrics: dict[str, float], name: str, what: str = "sum") -> float:
    """``sum`` in seconds or ``count`` of a stage."""
    return metrics[f"pur_stage_seconds_{what}/{name}"]


def written_bytes(pid: int) -> int:
    """Bytes that a process has had written to disks, its files' journals left out."""
    text = Path(f"/proc/{pid}/io").read_text()
    found = re.search(r"^write_bytes: (\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def children(pid: int) -> list[int]:
    """Processes that a process has started and that run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def synced_writes(pid: int) -> AsyncIterator[dict[str, int]]:
    """Count the synced writes of a process while the block runs; filled when it has ended."""
    found: dict[str, int] = {}
    command = ["strace", "-c", "-f", "-p", str(pid), "-e", f"trace={','.join(SYNCED)}"]
    tracer = await asyncio.to_thread(
        subprocess.Popen, command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    try:
        # a line for each thread it has attached to
        await asyncio.to_thread(tracer.stderr.readline)
        yield found
    finally:
        tracer.send_signal(signal.SIGINT)
        _, report = await asyncio.to_thread(tracer.communicate)
    for line in report.splitlines():
        fields = line.split()
        if fields and fields[-1] in SYNCED:
            found[fields[-1]] = int(fields[3])


def share(values: list[float], fraction: float) -> float:
    """The value that this fraction of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def say(figure: str, limit: str = "") -> None:
    """One line with a figure, its limit and how busy the machine is."""
    words = f" (limit: {limit})" if limit else ""
    print(f"{figure}{words} [load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores]", flush=True)

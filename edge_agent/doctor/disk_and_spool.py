"""The disk under the spool, and the spool itself, looked at beside a running agent."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, perf_counter

from edge_agent.config.settings import Settings
from edge_agent.doctor.checkup import Finding
from edge_agent.errors import disk_hint
from edge_agent.spool.queue_metrics import SpoolReader
from edge_agent.spool.repair import problems_of
from edge_agent.spool.spool_file import holder_of

SAMPLES, SAMPLES_S = 20, 3.0
SYNC_WARNING_S = 0.05
FREE_PROBLEM_MB = 100.0
CHECKED_MB = 200.0
"""A larger spool is not read through here."""
RAM = {"tmpfs", "ramfs"}
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Room, kind and speed of the disk of the spool."""
    path = settings.spool.path.absolute()
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free / 1e6
    spool_mb = path.stat().st_size / 1e6 if path.exists() else 0.0
    more_mb = settings.spool.limit_mb - spool_mb
    words = f"{folder}: {free_mb:,.0f} MB free"
    if free_mb < FREE_PROBLEM_MB:
        yield Finding("disk", "problem", words, "make room, or set spool.path to another disk")
    elif free_mb < more_mb:
        words += f", and the spool may grow by {more_mb:,.0f} MB (spool.limit_mb)"
        yield Finding("disk", "warning", words, "make room, or lower spool.limit_mb")
    else:
        yield Finding("disk", "ok", words)
    kind = file_system_of(folder)
    if kind in RAM:
        words = f"{folder} lies in memory ({kind}): a power cut loses what was acknowledged"
        yield Finding("disk", "warning", words, "set spool.path to a disk")
    elif kind in NETWORK:
        words = f"{folder} lies on the network ({kind}): locks and syncs are not kept there"
        yield Finding("disk", "problem", words, "set spool.path to a disk of this machine")
    yield _speed(folder)


def check_spool(settings: Settings) -> Iterator[Finding]:
    """Check whether the spool is sound, how much waits, and who has it."""
    path = settings.spool.path
    if not path.exists():
        yield Finding("spool", "ok", f"{path}: none yet, made at the first start")
        return
    who = holder_of(path)  # before SQLite has it open here: closing a file ends locks on it
    size_mb = path.stat().st_size / 1e6
    if size_mb > CHECKED_MB:
        problems, checked = [], f"{size_mb:,.0f} MB, not read through: pur-mold-twin spool verify"
    else:
        problems, checked = problems_of(path), "sound"
    if problems:
        way_out = "the agent sets it aside at its next start and saves what is readable"
        yield Finding("spool", "problem", f"{path}: {'; '.join(problems)}", way_out)
        return
    figures = SpoolReader(path).figures()
    waiting = {} if figures is None else figures.entries
    counts = ", ".join(f"{name} {count}" for name, count in waiting.items() if count)
    taken = "no agent has it" if who is None else f"{who} has it"
    yield Finding("spool", "ok", f"{path}: {checked}; {counts or 'nothing'} waits; {taken}")
    owner = path.stat().st_uid
    if owner != os.geteuid():
        words = f"{path} belongs to user id {owner}, this is {os.geteuid()}"
        way_out = "run this as the user of the agent: others see other rights"
        yield Finding("spool", "warning", words, way_out)


def file_system_of(folder: Path) -> str:
    """Kind of the file system that a folder lies on; empty if that is not known."""
    found = ("", "")
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(found[0]):
            found = place, kind
    return found[1]


def _speed(folder: Path) -> Finding:
    """Time of one synced write: the median of some, in a file that is removed again."""
    took: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".pur-mold-twin-doctor-") as file:
            end = monotonic() + SAMPLES_S
            while len(took) < SAMPLES and monotonic() < end:
                began = perf_counter()
                os.pwrite(file.fileno(), os.urandom(4096), 4096 * len(took))
                os.fdatasync(file.fileno())
                took.append(perf_counter() - began)
    except OSError as error:
        words = f"{folder}: cannot be written: {error.strerror or error}"
        return Finding("disk sync", "problem", words, disk_hint(error))
    median_s = statistics.median(took)
    words = f"{1e3 * median_s:.1f} ms a synced write (median of {len(took)})"
    if median_s > SYNC_WARNING_S:
        way_out = "use a faster disk: what the presses send is acknowledged that much later"
        return Finding("disk sync", "warning", words, way_out)
    return Finding("disk sync", "ok", words)

"""Jobs in the web's database: what was asked by whom, how far it is, what came out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Literal

from broker.timestamps import format_timestamp
from edge_agent.web.access.audit import AuditLog
from edge_agent.web.access.database import AccessDatabase
from twin_core.errors import TwinError

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ALIVE = ("queued", "running")
RESULT_MAX_BYTES = 8_000_000
"""Of one result, as JSON."""
INTERRUPTED = {
    "code": "INTERRUPTED",
    "detail": "the web server ended while the job ran: the job did not survive",
    "hint": "what it had found until then is its result; ask again for more",
}
Document = dict[str, Any]


class TooManyJobs(TwinError):
    """Too many jobs wait already."""

    retryable = True


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    job_id: str
    kind: str
    state: State
    made_by: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    progress: Document | None
    problem: Document | None
    """Why it failed, was cancelled or interrupted: ``code``, ``detail``, ``hint``."""
    has_result: bool
    is_partial: bool
    """The result is what there was when it ended, or is so far."""
    made_for: Document | None = None
    """Press, mold and material that it is about: see ``made_for.MadeFor``; None where it is about
    none, and of jobs of an older version."""

    @property
    def alive(self) -> bool:
        """True while it waits or runs."""
        return self.state in ALIVE

    def as_dict(self) -> Document:
        """Plain data."""
        return dict(self.__dict__)


_COLUMNS = (
    "job_id, kind, state, made_by, created_at, started_at, ended_at, progress, problem,"
    " result IS NOT NULL, is_partial, made_for"
)


class JobStore:
    """The table of jobs; its methods write to disk and belong on a thread."""

    def __init__(
        self, database: AccessDatabase, audit: AuditLog, now: Callable[[], datetime]
    ) -> None:
        self._database, self._audit, self._now = database, audit, now

    def add(
        self,
        kind: str,
        asked: Document,
        made_by: str,
        address: str,
        waiting_max: int,
        made_for: Document | None = None,
    ) -> Job:
        """Put a job into the queue, with an entry of the audit log.

        Args:
            kind: of ``jobs.kinds``.
            asked: what its function gets.
            made_by: who asks.
            address: from where.
            waiting_max: so many wait at most.
            made_for: press, mold and material that it is about.

        Raises:
            TooManyJobs: so many wait already.
            StoreError: the file cannot be written.
        """
        job_id, now = token_hex(10), format_timestamp(self._now())
        with self._database.transaction() as db:
            (waiting,) = db.execute("SELECT count(*) FROM job WHERE state = 'queued'").fetchone()
            if waiting >= waiting_max:
                raise TooManyJobs(
                    f"{waiting} jobs wait already (web.jobs_waiting)",
                    hint="cancel one, or ask again when some have ended",
                )
            db.execute(
                "INSERT INTO job (job_id, kind, state, made_by, created_at, asked, is_partial,"
                " made_for) VALUES (?, ?, 'queued', ?, ?, ?, 1, ?)",
                (job_id, kind, made_by, now, json.dumps(asked), _json(made_for)),
            )
            self._audit.add(db, made_by, "job_asked", "done", address, job=job_id, kind=kind)
            return _job(db.execute(f"SELECT {_COLUMNS} FROM job WHERE job_id = ?", (job_id,)))

    def get(self, job_id: str) -> Job | None:
        """A job; None where there is none of this id."""
        found = self._database.rows(f"SELECT {_COLUMNS} FROM job WHERE job_id = ?", (job_id,))
        return _of_row(found[0]) if found else None

    def newest(self, limit: int, state: str | None = None) -> list[Job]:
        """Jobs, newest first.

        Args:
            limit: so many at most.
            state: of one state alone.
        """
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM job WHERE ?1 IS NULL OR state = ?1"
            " ORDER BY number DESC LIMIT ?2",
            (state, limit),
        )
        return [_of_row(row) for row in rows]

    def result(self, job_id: str) -> Document | None:
        """The result, whole or partial; None where there is none."""
        found = self._database.rows("SELECT result FROM job WHERE job_id = ?", (job_id,))
        return json.loads(found[0][0]) if found and found[0][0] is not None else None

    def asked(self, job_id: str) -> Document:
        """What was asked; KeyError without such a job."""
        found = self._database.rows("SELECT asked FROM job WHERE job_id = ?", (job_id,))
        if not found:
            raise KeyError(job_id)
        return dict(json.loads(found[0][0]))

    def begin_next(self) -> tuple[Job, Document] | None:
        """Begin the job that waits longest: it, and what was asked; None when none waits."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT job_id, asked FROM job WHERE state = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE job SET state = 'running', started_at = ? WHERE job_id = ?",
                (format_timestamp(self._now()), row[0]),
            )
            job = _job(db.execute(f"SELECT {_COLUMNS} FROM job WHERE job_id = ?", (row[0],)))
        return job, dict(json.loads(row[1]))

    def keep_partial(self, job_id: str, progress: Document | None, result: Document) -> None:
        """Keep what a running job has found so far; one that is too large is not kept."""
        text = json.dumps(result)
        if len(text) > RESULT_MAX_BYTES:
            return
        with self._database.transaction() as db:
            db.execute(
                "UPDATE job SET result = ?, progress = ? WHERE job_id = ? AND state = 'running'",
                (text, _json(progress), job_id),
            )

    def end(
        self,
        job_id: str,
        state: State,
        progress: Document | None = None,
        problem: Document | None = None,
        result: Document | None = None,
    ) -> None:
        """End a job that waits or runs; without a result the last partial one stays."""
        text = _json(result)
        if text is not None and len(text) > RESULT_MAX_BYTES:
            state, text = "failed", None
            problem = {
                "code": "TOO_LARGE",
                "detail": f"the result has more than {RESULT_MAX_BYTES} bytes",
                "hint": "ask for less at once",
            }
        with self._database.transaction() as db:
            db.execute(
                "UPDATE job SET state = ?1, ended_at = ?2, progress = coalesce(?3, progress),"
                " problem = ?4, result = coalesce(?5, result), is_partial = ?6"
                " WHERE job_id = ?7 AND state IN ('queued', 'running')",
                (
                    state,
                    format_timestamp(self._now()),
                    _json(progress),
                    _json(problem),
                    text,
                    int(state != "done"),
                    job_id,
                ),
            )

    def interrupt_running(self) -> list[str]:
        """Say of jobs that ran when the server ended that they did not survive; their ids."""
        found = self._database.rows("SELECT job_id FROM job WHERE state = 'running'")
        for (job_id,) in found:
            self.end(job_id, "interrupted", problem=INTERRUPTED)
        return [job_id for (job_id,) in found]

    def trim(self, kept: int, days: float) -> None:
        """Forget jobs that have ended: all but the newest, and those that are too old."""
        before = format_timestamp(self._now() - timedelta(days=days))
        with self._database.transaction() as db:
            db.execute(
                "DELETE FROM job WHERE state NOT IN ('queued', 'running') AND (ended_at < ?1"
                " OR number NOT IN (SELECT number FROM job WHERE state NOT IN"
                " ('queued', 'running') ORDER BY number DESC LIMIT ?2))",
                (before, kept),
            )


def _json(document: Document | None) -> str | None:
    return None if document is None else json.dumps(document)


def _job(found: sqlite3.Cursor) -> Job:
    return _of_row(found.fetchone())


def _of_row(row: tuple[Any, ...]) -> Job:
    found = dict(zip(Job.__dataclass_fields__, row, strict=True))
    for name in ("progress", "problem", "made_for"):
        found[name] = None if found[name] is None else json.loads(found[name])
    for name in ("has_result", "is_partial"):
        found[name] = bool(found[name])
    return Job(**found)

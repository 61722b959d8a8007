"""``python -m edge_agent.inference.trial``: load a version of a model where it can do no harm.

What to load comes as JSON on standard input, the verdict goes as JSON to standard output. An agent
has each version tried by this process before it loads the very same bytes: a file that would crash
a library, fill the memory or take a minute does that here, and the agent goes on.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ValidationError

from broker.ml_status import ERROR, OK
from edge_agent.inference.entry import Entry, examined, refused, words_of
from edge_agent.inference.registry import ModelRegistry
from twin_core.errors import MissingRuntime, ModelError
from twin_core.learning.columns import Known
from twin_core.learning.inference import Model

TRIAL_MAX_S = 30.0
"""It takes one second, most of it to start Python; on a machine under load ten times that. An agent
that is told to stop waits for it."""
MEMORY_MAX_BYTES = 4_000_000_000
"""Of addresses, most of which are never touched: libraries reserve some hundred megabytes."""
NICE = 10
COMMAND = [sys.executable, "-m", "edge_agent.inference.trial"]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Request(BaseModel):
    """What to try."""

    folder: Path
    trusted: tuple[Path, ...]
    name: str
    version: int


class Verdict(BaseModel):
    """What came of it."""

    known_at: Known | None = None
    sha256: str = ""
    """Of the bytes that were tried."""
    status: str = OK
    words: str = ""
    may_pass: bool = False


def tried(registry: ModelRegistry, name: str, version: int) -> Entry:
    """A version, tried in a process of its own before it is loaded here; never raises."""
    known_at: Known | None = None
    try:
        if find_spec("onnxruntime") is None:
            raise MissingRuntime("onnxruntime is not installed")
        request = Request(
            folder=registry.folder, trusted=registry.trusted, name=name, version=version
        )
        verdict = _apart(request)
        known_at = verdict.known_at
        if verdict.status != OK:
            said = verdict.status, verdict.words, verdict.may_pass
            return Entry(name, version, known_at, None, *said)
        content = registry.file(name, version)
        if hashlib.sha256(content).hexdigest() != verdict.sha256:
            raise ModelError(
                f"{registry.folder / name / str(version)}: was exchanged while it was being tried: "
                "look who writes there"
            )
        return Entry(name, version, known_at, Model(content, checked=True))
    except Exception as error:  # whatever lies there: the physics goes on
        return refused(name, version, known_at, error)


def _apart(request: Request) -> Verdict:
    environment = os.environ | dict.fromkeys(_THREADS, "1")
    try:
        done = subprocess.run(
            COMMAND,
            input=request.model_dump_json().encode(),
            capture_output=True,
            timeout=TRIAL_MAX_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = f"loading it took longer than {TRIAL_MAX_S:.0f} s: train a smaller one"
        return Verdict(status=ERROR, words=words, may_pass=True)
    except OSError as error:
        words = f"no process to try it in: {error.strerror}"
        return Verdict(status=ERROR, words=words, may_pass=True)
    try:
        return Verdict.model_validate_json(done.stdout)
    except ValidationError:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no words"]
        words = f"loading it ended a process with {done.returncode}: {lines[-1][:300]}"
        return Verdict(status=ERROR, words=words)


def _try(request: Request) -> Verdict:
    registry = ModelRegistry(request.folder, request.trusted)
    entry = examined(registry, request.name, request.version)
    if entry.model is None:
        return Verdict(known_at=entry.known_at, status=entry.status, words=entry.words)
    return Verdict(known_at=entry.known_at, sha256=entry.model.sha256)


def main() -> None:
    """Try what standard input names."""
    os.nice(NICE)
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_MAX_BYTES),
        (resource.RLIMIT_CPU, int(TRIAL_MAX_S)),
        (resource.RLIMIT_CORE, 0),
    ):
        now = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if now == resource.RLIM_INFINITY else min(most, now), now))
    request = Request.model_validate_json(sys.stdin.buffer.read())
    try:
        verdict = _try(request)
    except Exception as error:  # the agent wants a reason, not a traceback
        verdict = Verdict(status=ERROR, words=words_of(error))
    sys.stdout.write(verdict.model_dump_json())


if __name__ == "__main__":
    main()

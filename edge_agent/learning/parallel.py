"""Chunks of work on all cores of this machine, or of a Ray cluster where Ray is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")


def have_ray() -> bool:
    """True if the extra ``[ray]`` is installed."""
    found = find_spec("ray")
    return found is not None and found.origin is not None  # else it is a folder of that name


def in_parallel(
    function: Callable[[Chunk, int | None], Answer],
    chunks: Sequence[Chunk],
    progress: Callable[[int, int], None] = lambda done, total: None,
    ray: bool | None = None,
) -> Iterator[Answer]:
    """``function(chunk, workers)`` of every chunk, in their order.

    Args:
        function: pure; ``workers`` is how many threads it may use, None for as many as there are.
        progress: called with (chunks done, chunks in all).
        ray: as Ray tasks, a core each; None: when Ray is installed and there is more than one
            chunk. Ray takes the cluster of ``RAY_ADDRESS``, or starts one of this machine.
    """
    use_ray = have_ray() and len(chunks) > 1 if ray is None else ray
    answers = _by_ray(function, chunks) if use_ray else (function(c, None) for c in chunks)
    for done, answer in enumerate(answers, start=1):
        progress(done, len(chunks))
        yield answer


@contextmanager
def ray_kept() -> Iterator[None]:
    """Keep Ray running for many calls of ``in_parallel``, where it is installed."""
    if not have_ray():
        yield
        return
    import ray

    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        yield
    finally:
        if started:
            ray.shutdown()


def _by_ray(function: Callable[[Any, int | None], Any], chunks: Sequence[Any]) -> Iterator[Any]:
    import ray

    with ray_kept():
        task = ray.remote(num_cpus=1)(function)
        waiting = [task.remote(chunk, 1) for chunk in chunks]
        for answer in waiting:
            yield ray.get(answer)

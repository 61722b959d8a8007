"""Kinds of jobs: what each runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType({"optimize": "edge_agent.jobs.optimize:run"})
"""By name, ``module:function`` of a ``job_work.Run``; imported by the process of the job alone."""

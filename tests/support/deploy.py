"""The files of deploy/, and the metrics that they may name."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from edge_agent.clock import SystemClock
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.node_metrics import NodeCollector
from edge_agent.spool.queue_metrics import SpoolCollector, SpoolReader
from edge_agent.spool.spool import Spool
from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
METRIC = re.compile(r"\bpur_[a-z_]+\b")


def read(name: str) -> Any:
    """A YAML file of deploy/."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def check(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a checker; its words are the failure."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}:\n{done.stdout}{done.stderr}"


def exported(folder: Path) -> dict[str, str]:
    """Every metric as it is exported, with its type; a counter ends in ``_total``."""
    metrics = Metrics()
    spool = Spool(folder / "spool.db")
    metrics.registry.register(SpoolCollector(SpoolReader(spool.path), 1.0, SystemClock()))
    metrics.registry.register(NodeCollector(None))
    families = list(metrics.registry.collect())
    spool.close()
    return {f.name + "_total" * (f.type == "counter"): f.type for f in families}


def queryable(folder: Path) -> set[str]:
    """Every name that a query may use: of a histogram its series."""
    names = set()
    for name, kind in exported(folder).items():
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        names |= {name + end for end in ends}
    return names


def load_dashboard(path: Path) -> Any:
    """A dashboard of Grafana."""
    return json.loads(path.read_text(encoding="utf-8"))


def targets(dashboard: Any) -> Iterator[dict[str, Any]]:
    """The queries of its panels."""
    for panel in dashboard["panels"]:
        yield from panel["targets"]


def statements(dashboard: Any) -> Iterator[str]:
    """Its SQL, with Grafana's macros and variables."""
    for target in targets(dashboard):
        if "rawSql" in target:
            yield target["rawSql"]
    for variable in dashboard["templating"]["list"]:
        if variable["datasource"]["type"] != "prometheus":
            yield variable["query"]

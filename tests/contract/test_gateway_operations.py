"""The gateway in docs/operations.md: every metric with its type, every event that is logged."""

from __future__ import annotations

import re

from edge_agent.gateway.metrics import GatewayMetrics
from tests.support.processes import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## The gateway\n")[1].split("\n## ")[0]
NEWS = frozenset(
    "gateway_started gateway_stopped gateway_stuck gateway_recovered gateway_failed"
    " health_listening agent_state_changed link_connected link_lost link_renewed messages_taken"
    " shot_traced station_failed subscription_refused message_unreadable publish_deferred"
    " state_unreadable outbox_recovered outbox_is_older".split()
)
"""Events that need no line of their own: they are told elsewhere, or by their words."""


def test_all_metrics_are_in_the_table() -> None:
    families = GatewayMetrics().registry.collect()
    exported = {f.name + "_total" * (f.type == "counter"): f.type for f in families}
    told = dict(re.findall(r"^\| `(pur_gateway_[a-z_]+)(?:\{.*?\})?` \| (\w+) \|", SECTION, re.M))
    assert told == exported


def test_labels_are_those_of_the_table() -> None:
    told = dict(re.findall(r"^\| `(pur_gateway_[a-z_]+)\{(.*?)\}`", SECTION, re.M))
    metrics = vars(GatewayMetrics()).values()
    labels = {m._name: m._labelnames for m in metrics if getattr(m, "_labelnames", ())}
    found = {name.removesuffix("_total"): tuple(text.split(",")) for name, text in told.items()}
    assert found.pop("pur_gateway_build_info") == ("version", "python")
    assert found == labels


def test_all_events_are_told() -> None:
    logged: set[str] = set()
    for path in (ROOT / "edge_agent" / "gateway").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        calls = re.findall(r"(?:log|get_logger\(\)|write)\.?(?:\w+)?\(\s*\"([a-z_]+)\"", text)
        logged |= {name for name in calls if "_" in name}
    told = set(re.findall(r"`([a-z]+_[a-z_]+)`", SECTION))
    assert logged - NEWS <= told

"""What the demo says of its edge nodes."""

from __future__ import annotations

from edge_agent.demo_sparkplug import Seen


def test_nodes_and_devices_with_their_metrics() -> None:
    seen = Seen({"demo/press1/PANEL_A": 81, "demo/press1": 17}, 5)
    assert seen.lines("broker Mosquitto") == [
        "sparkplug: 5 messages of data, broker Mosquitto",
        "  demo/press1: 17 metrics",
        "  demo/press1/PANEL_A: 81 metrics",
    ]

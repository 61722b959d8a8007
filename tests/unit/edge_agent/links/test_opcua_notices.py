"""What a server gives less than asked is told in words that are true."""

from __future__ import annotations

from structlog.testing import capture_logs

from edge_agent.links.opcua_notices import Notices


def test_a_namespace_that_the_server_does_not_have():
    with capture_logs() as logs:
        Notices("plc", "opc.tcp://plc:4840").moved({1: "urn:a", 77: ""}, ["urn:0", "urn:a"])

    (line,) = logs
    assert (line["event"], line["detail"]) == ("namespaces_missing", "ns=77")
    assert "ns=0 to ns=1" in line["hint"]


def test_a_namespace_that_has_another_number():
    with capture_logs() as logs:
        Notices("plc", "opc.tcp://plc:4840").moved({1: "urn:a"}, ["urn:0", "urn:b", "urn:a"])

    (line,) = logs
    assert (line["event"], line["detail"]) == ("namespaces_moved", "ns=1 was urn:a")

"""A position keeps where a source stands, in few characters, and forgets what is of other tags."""

from __future__ import annotations

import json

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_items import find_nodes, handles_of
from edge_agent.links.opcua_position import SEQUENCE_MAX, Place, following


def source(**nodes: str) -> OpcUaSource:
    tags = {tag: {"node": node} for tag, node in nodes.items()}
    return OpcUaSource.model_validate({"kind": "opcua", "url": "opc.tcp://plc:4840", "tags": tags})


def test_a_position_is_read_again() -> None:
    settings = source(a="ns=2;s=a", b="ns=2;s=b", c="i=7")
    place = Place.read({}, settings)
    assert place.subscription == 0
    place.subscription, place.sequence, place.server = 7, 3, "2026-11-29"
    place.session = {"token": "i=1", "nonce": "00ff"}
    place.last = {"a": 134_404_262_133_131_370, "c": 134_404_262_000_000_000}
    place.namespaces, place.missing, place.gap = {2: "urn:x"}, ["b"], True
    again = Place.read(json.loads(json.dumps(place.position(settings))), settings)
    assert again == place


def test_five_hundred_tags_take_few_characters() -> None:
    settings = source(**{f"t{number}": f"ns=2;i={number}" for number in range(500)})
    place = Place.read({}, settings)
    place.last = dict.fromkeys(settings.tags, 134_404_262_133_131_370)
    assert len(json.dumps(place.position(settings))) < 2500


def test_of_other_tags_the_subscription_is_known_and_no_more() -> None:
    before, after = source(a="ns=2;s=a"), source(a="ns=2;s=a", b="ns=2;s=b")
    place = Place.read({}, before)
    place.subscription, place.last, place.namespaces = 7, {"a": 5}, {2: "urn:x"}
    again = Place.read(place.position(before), after)
    assert again.subscription == 7
    assert again.mapping == place.mapping
    assert (again.last, again.namespaces) == ({}, {})


def test_handles_stay_when_other_tags_come() -> None:
    before, after = source(a="ns=2;s=a"), source(b="ns=2;s=b", a="ns=2;s=a")
    assert handles_of(before).items() < handles_of(after).items()


def test_sequence_numbers_begin_anew() -> None:
    assert following(1) == 2
    assert following(SEQUENCE_MAX) == 1


def test_a_server_that_numbers_its_namespaces_anew() -> None:
    settings = source(a="ns=1;s=a", b="nsu=urn:y;s=b", c="i=7", d="ns=9;s=d", e="nonsense")
    first = find_nodes(settings, ["urn:0", "urn:x", "urn:y"], {})
    assert first.by_tag["a"].NamespaceIndex == 1
    assert first.by_tag["b"].NamespaceIndex == 2
    later = find_nodes(settings, ["urn:0", "urn:y", "urn:x"], first.namespaces)
    assert later.by_tag["a"].NamespaceIndex == 2
    assert later.by_tag["b"].NamespaceIndex == 1
    gone = find_nodes(settings, ["urn:0", "urn:y"], later.namespaces)
    assert "the server has no namespace 'urn:x'" in gone.faults["a"]
    assert "is no node id" in gone.faults["e"]
    assert gone.by_tag["c"].NamespaceIndex == 0


def test_a_namespace_that_a_server_gets_later() -> None:
    settings = source(a="ns=2;s=a")
    before = find_nodes(settings, ["urn:0", "urn:x"], {})
    after = find_nodes(settings, ["urn:0", "urn:x", "urn:y"], before.namespaces)
    assert after.by_tag["a"].NamespaceIndex == 2
    assert after.namespaces == {2: "urn:y"}

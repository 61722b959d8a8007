"""Node ids are read as people write them, and what is none says how."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_node_ids import (
    NodeAddress,
    NodeIdError,
    index_of,
    node_problems,
    node_text,
    parse_node,
)

GUID = "09087e75-8e5e-499b-954f-f2a9603db28a"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ns=2;s=Press.MoldTemp", NodeAddress(2, "Press.MoldTemp")),
        ('ns=3;s="DB_Press"."Mold;Temp=1"', NodeAddress(3, '"DB_Press"."Mold;Temp=1"')),
        (" i=2258 ", NodeAddress(0, 2258)),
        ("ns=1;i=4294967295", NodeAddress(1, 4_294_967_295)),
        (f"ns=1;g={GUID}", NodeAddress(1, uuid.UUID(GUID))),
        ("ns=1;b=AQID", NodeAddress(1, b"\1\2\3")),
        ("nsu=http://vendor/ns;s=a", NodeAddress("http://vendor/ns", "a")),
        ("nsu=urn:a=b;i=7", NodeAddress("urn:a=b", 7)),
    ],
)
def test_node_ids_of_every_kind(text: str, address: NodeAddress) -> None:
    assert parse_node(text) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Press.MoldTemp", "is no node id: write ns=2;s=Name"),
        ("ns=2", "is no node id"),
        ("ns=two;s=a", "ns=two is no number"),
        ("ns=65536;s=a", "ns=65536 is no number up to 65535"),
        ("nsu=;s=a", "URI is missing"),
        ("ns=1;i=-1", "after i= must stand a number up to 4294967295"),
        ("ns=1;i=4294967296", "after i= must stand a number"),
        ("ns=1;g=nonsense", "after g= must stand a GUID"),
        ("ns=1;b=***", "after b= must stand base64"),
        ("ns=1;s=", "after s= must stand a text"),
        ("ns=1;x=1", "x= is no kind of node id"),
    ],
)
def test_what_is_none_says_why(text: str, words: str) -> None:
    with pytest.raises(NodeIdError) as caught:
        parse_node(text)
    assert words in str(caught.value)


TEXTS = st.text(alphabet="a;=%25Bß\n .", min_size=1).map(lambda text: f"<{text}>")


@given(TEXTS, st.one_of(TEXTS, st.integers(0, 2**32 - 1)))
def test_what_browse_writes_is_found_again(uri: str, identifier: int | str) -> None:
    address = parse_node(node_text(uri, identifier))
    assert address.identifier == identifier
    assert isinstance(address.namespace, str)
    assert index_of(address.namespace, ["urn:x", uri]) is not None


def test_a_namespace_that_is_not_there() -> None:
    assert index_of("urn:y", ["urn:x"]) is None
    assert index_of("urn:a%3Bb", ["urn:x", "urn:a;b"]) == 1


def test_problems_of_a_mapping_by_tag() -> None:
    source = OpcUaSource.model_validate(
        {
            "kind": "opcua",
            "url": "opc.tcp://plc:4840",
            "tags": {"good": {"node": "ns=2;s=a"}, "bad": {"node": "nonsense"}},
        }
    )
    assert list(node_problems(source)) == ["bad"]

"""Topics of Sparkplug: there and back, and what is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.topics import (
    ID_BYTES_MAX,
    OF_DEVICES,
    OF_NODES,
    MessageKind,
    SparkplugTopic,
    check_id,
    parse_state_topic,
    parse_topic,
    state_topic,
)

ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+/#\x00"), min_size=1)


@pytest.mark.sparkplug(
    "tck-id-topic-structure",
    "tck-id-topic-structure-namespace-a",
    "tck-id-topic-structure-namespace-device-id-associated-message-types",
    "tck-id-topic-structure-namespace-device-id-non-associated-message-types",
)
def test_topics_as_the_specification_writes_them() -> None:
    for kind in OF_NODES:
        assert str(SparkplugTopic(kind, "g", "n")) == f"spBv1.0/g/{kind.name}/n"
        with pytest.raises(SparkplugError, match="names no device"):
            SparkplugTopic(kind, "g", "n", "d")
    for kind in OF_DEVICES:
        assert str(SparkplugTopic(kind, "g", "n", "d")) == f"spBv1.0/g/{kind.name}/n/d"
        with pytest.raises(SparkplugError, match="names a device"):
            SparkplugTopic(kind, "g", "n")
    assert state_topic("h") == "spBv1.0/STATE/h"
    assert len(OF_NODES | OF_DEVICES) == 8


@given(st.sampled_from(sorted(OF_NODES)), ids, ids)
@settings(max_examples=30)
def test_topics_of_nodes_come_back(kind: MessageKind, group: str, node: str) -> None:
    topic = SparkplugTopic(kind, group, node)
    assert parse_topic(str(topic)) == topic


@given(st.sampled_from(sorted(OF_DEVICES)), ids, ids, ids)
@settings(max_examples=30)
def test_topics_of_devices_come_back(kind: MessageKind, group: str, node: str, device: str) -> None:
    topic = SparkplugTopic(kind, group, node, device)
    assert parse_topic(str(topic)) == topic


@given(ids)
@settings(max_examples=30)
def test_topics_of_hosts_come_back(host: str) -> None:
    assert parse_state_topic(state_topic(host)) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spBv1.0/g/NBIRTH",
        "spBv1.0/g/NBIRTH/n/d",
        "spBv1.0/g/DBIRTH/n",
        "spBv1.0/g/DBIRTH/n/d/e",
        "spBv1.0/g/nbirth/n",
        "spBv1.0/g/STATE/n",
        "spBv1.0/STATE/h",
        "spAv1.0/g/NBIRTH/n",
        "spbv1.0/g/NBIRTH/n",
        "spBv1.0//NBIRTH/n",
        "spBv1.0/g/NBIRTH/",
        "spBv1.0/g/DBIRTH/n/",
        "spBv1.0/+/NBIRTH/n",
        "spBv1.0/g/NBIRTH/#",
    ],
)
def test_what_is_no_topic_of_a_node(text: str) -> None:
    with pytest.raises(SparkplugError):
        parse_topic(text)


@pytest.mark.parametrize(
    "text", ["spBv1.0/STATE", "spBv1.0/STATE/", "spBv1.0/STATE/h/i", "STATE/h"]
)
def test_what_is_no_topic_of_a_host(text: str) -> None:
    with pytest.raises(SparkplugError):
        parse_state_topic(text)


@given(st.text(max_size=40))
@settings(max_examples=30)
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    for parse in (parse_topic, parse_state_topic):
        with suppress(SparkplugError):
            assert str(parse(text)) in text


@pytest.mark.sparkplug(
    "tck-id-intro-group-id-string",
    "tck-id-intro-group-id-chars",
    "tck-id-intro-edge-node-id-string",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-device-id-string",
    "tck-id-intro-device-id-chars",
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-topic-structure-namespace-valid-device-id",
)
@pytest.mark.parametrize("wrong", ["", "a+", "/", "a/b", "#", "a\x00", "\ud800", "x" * 1025])
def test_ids_that_cannot_be_a_level_of_a_topic(wrong: str) -> None:
    assert len("x" * 1025) > ID_BYTES_MAX
    for levels in ((wrong, "n", "d"), ("g", wrong, "d"), ("g", "n", wrong)):
        with pytest.raises(SparkplugError):
            SparkplugTopic(MessageKind.DDATA, *levels)
    with pytest.raises(SparkplugError, match="host"):
        state_topic(wrong)


def test_ids_of_other_scripts_are_fine() -> None:
    check_id("group", "Gießerei 2 – Süd, 鋳造")

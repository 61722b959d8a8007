"""The topic grammar: what is formatted is parsed back, and nothing else is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import (
    INBOUND,
    INBOUND_CHANNELS,
    MODELS,
    Channel,
    PayloadError,
    PressAddress,
    RefusalCode,
    TopicAddress,
    TopicSpace,
    is_identifier,
)
from tests.support.strategies import identifiers

SPACE = TopicSpace()
PRESS = PressAddress("plant-1", "press_7")

TOPICS = {
    "pur/v1/plant-1/press_7/telemetry": Channel.TELEMETRY,
    "pur/v1/plant-1/press_7/shot": Channel.SHOT,
    "pur/v1/plant-1/press_7/quality": Channel.QUALITY,
    "pur/v1/plant-1/press_7/event": Channel.EVENT,
    "pur/v1/plant-1/press_7/order": Channel.ORDER,
    "pur/v1/plant-1/press_7/alert-ack": Channel.ALERT_ACK,
    "pur/v1/plant-1/press_7/advice-word": Channel.ADVICE_WORD,
    "pur/v1/plant-1/press_7/twin/mold/M.1/prediction": Channel.PREDICTION,
    "pur/v1/plant-1/press_7/twin/mold/M.1/advice": Channel.ADVICE,
    "pur/v1/plant-1/press_7/twin/kpi": Channel.KPI,
    "pur/v1/plant-1/press_7/twin/alert": Channel.ALERT,
    "pur/v1/plant-1/press_7/twin/alerts": Channel.ALERTS,
    "pur/v1/plant-1/press_7/twin/dead-letter": Channel.DEAD_LETTER,
    "pur/v1/plant-1/press_7/twin/status": Channel.STATUS,
    "pur/v1/plant-1/press_7/twin/received": Channel.RECEIVED,
    "pur/v1/plant-1/press_7/twin/mold/M.1/handover/0123456789abcdef0123": Channel.HANDOVER,
    "pur/v1/plant-1/press_7/twin/mold/M.1/memory/12": Channel.MEMORY,
    "pur/v1/plant-1/press_7/twin/agent/a-1": Channel.AGENT,
    "pur/v1/plant-1/press_7/twin/web-audit": Channel.WEB_AUDIT,
}


OF_A_MOLD = {Channel.PREDICTION, Channel.ADVICE, Channel.HANDOVER, Channel.MEMORY}


def format_topic(space: TopicSpace, address: TopicAddress) -> str:
    of = address.mold_id, address.shot_key, address.part, address.agent_id
    more = [one for one in of if one is not None]
    topic: str = getattr(space, address.channel.replace("-", "_"))(address.press, *more)
    return topic


@pytest.mark.parametrize("topic", TOPICS)
def test_the_topics_are_these(topic: str) -> None:
    address = SPACE.parse(topic)
    assert address.press == PRESS
    assert address.channel is TOPICS[topic]
    assert address.mold_id == ("M.1" if address.channel in OF_A_MOLD else None)
    assert address.agent_id == ("a-1" if address.channel is Channel.AGENT else None)
    assert format_topic(SPACE, address) == topic


def test_a_memory_may_be_of_a_press() -> None:
    topic = SPACE.memory(PRESS, None, "events")
    assert topic == "pur/v1/plant-1/press_7/twin/memory/events"
    assert SPACE.parse(topic) == TopicAddress(PRESS, Channel.MEMORY, part="events")


def test_every_channel_has_a_topic_and_a_model() -> None:
    assert set(TOPICS.values()) == set(Channel) == set(MODELS)
    assert tuple(INBOUND) == INBOUND_CHANNELS


def test_an_agent_subscribes_to_the_inbound_topics() -> None:
    inbound = list(TOPICS)[: len(INBOUND_CHANNELS)]
    assert SPACE.subscriptions(PRESS) == inbound
    assert SPACE.shared("line", PRESS) == [f"$share/line/{topic}" for topic in inbound]


@settings(deadline=None)
@given(identifiers, identifiers, identifiers, st.sampled_from(["pur/v1", "a", "x/y/z", "tést"]))
def test_formatted_topics_are_parsed_back(site: str, press: str, mold: str, prefix: str) -> None:
    space = TopicSpace(prefix)
    for channel in Channel:
        mold_id = mold if channel in OF_A_MOLD else None
        agent_id = mold if channel is Channel.AGENT else None
        shot_key = "0" * 20 if channel is Channel.HANDOVER else None
        part = mold if channel is Channel.MEMORY else None
        press_of = PressAddress(site, press)
        address = TopicAddress(press_of, channel, mold_id, agent_id, shot_key, part)
        assert space.parse(format_topic(space, address)) == address


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "pur/v1",
        "pur/v1/a/b",
        "pur/v1/a/b/",
        "pur/v1/a/b/telemetry/",
        "pur/v1/a/b/telemetry/x",
        "pur/v1/a/b/Telemetry",
        "pur/v1//b/telemetry",
        "pur/v1/a/+/telemetry",
        "pur/v1/a/b/#",
        "pur/v1/-a/b/telemetry",
        "pur/v1/a/b\n/telemetry",
        "pur/v1/a/b/twin",
        "pur/v1/a/b/twin/telemetry",
        "pur/v1/a/b/kpi",
        "pur/v1/a/b/twin/mold/prediction",
        "pur/v1/a/b/twin/mold//prediction",
        "pur/v1/a/b/twin/mold/a b/prediction",
        "pur/v1/a/b/twin/mold/m/status",
        "pur/v1/a/b/twin/agent",
        "pur/v1/a/b/twin/agent/+",
        "pur/v2/a/b/telemetry",
        "/pur/v1/a/b/telemetry",
        "pur/v1/" + "a" * 65 + "/b/telemetry",
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(PayloadError) as caught:
        SPACE.parse(topic)
    assert caught.value.code is RefusalCode.UNKNOWN_TOPIC


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(st.text("ab+#/.é\x00", max_size=4)).map("/".join))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        SPACE.parse("pur/v1/" + text)
    except PayloadError as error:
        assert error.code is RefusalCode.UNKNOWN_TOPIC  # noqa: PT017  # most texts, not all


@pytest.mark.parametrize(
    "prefix", ["", "/pur", "pur/", "a//b", "a/+", "#", "$SYS/x", "a\n", "é" * 201]
)
def test_a_prefix_that_cannot_start_a_topic_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="topic prefix"):
        TopicSpace(prefix)


@pytest.mark.parametrize("text", ["", "a" * 65, "-a", ".a", "a/b", "a b", "ä", "a\n", "a+", "٣"])
def test_what_is_not_an_identifier(text: str) -> None:
    assert not is_identifier(text)
    with pytest.raises(ValueError, match="is not an identifier"):
        PressAddress("site", text)
    with pytest.raises(ValueError, match="is not an identifier"):
        PressAddress(text, "press")
    with pytest.raises(ValueError, match="mold_id"):
        SPACE.prediction(PRESS, text)


@pytest.mark.parametrize("text", ["a", "7", "a" * 64, "A-1_b.2"])
def test_what_is_an_identifier(text: str) -> None:
    assert is_identifier(text)

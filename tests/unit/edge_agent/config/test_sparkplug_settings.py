"""Settings of Sparkplug: what does not fit together is an error that says the way out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.config.settings import Settings
from edge_agent.config.sparkplug_settings import address

MUST = {"site": "s", "agent_id": "a", "presses": ["p1"]}


def settings(**sparkplug: Any) -> Settings:
    return Settings.model_validate(MUST | {"sparkplug": sparkplug})


def test_it_is_off_and_the_broker_is_that_of_the_agent() -> None:
    found = Settings.model_validate(MUST)
    assert not found.sparkplug.enabled
    assert found.sparkplug_brokers() == [found.broker]


def test_brokers_are_tried_in_turn_with_the_port_and_credentials_of_the_agents() -> None:
    found = Settings.model_validate(
        MUST
        | {"broker": {"port": 8883, "username": "twin"}}
        | {"sparkplug": {"enabled": True, "brokers": ["one", "two:1884", "[::1]:1885"]}}
    ).sparkplug_brokers()
    assert [(one.host, one.port, one.username) for one in found] == [
        ("one", 8883, "twin"),
        ("two", 1884, "twin"),
        ("::1", 1885, "twin"),
    ]


@pytest.mark.parametrize("text", ["", ":1883", "host:", "host:x", "host:0", "host:70000"])
def test_what_is_no_broker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a host"):
        address(text, 1883)


@pytest.mark.parametrize(
    ("sparkplug", "words"),
    [
        ({"primary_host": "scada"}, "primary_host given, but Sparkplug is off"),
        ({"enabled": False, "plain": False}, "then nothing is said at all"),
        ({"enabled": True, "group": "a/b"}, "not empty, and without"),
        ({"enabled": True, "group": "STATE"}, "choose another"),
        ({"enabled": True, "primary_host": "#"}, "without"),
        ({"enabled": True, "brokers": ["x:y"]}, "expected a host"),
        ({"enabled": True, "brokers": []}, "none is given: expected a host, or host:port"),
        ({"enabled": True, "brokers": ["ssl://x:8883"]}, "host:port .* without a scheme"),
        ({"enabled": True, "brokers": ["twin@x"]}, "without a scheme, a user"),
        ({"enabled": True, "buffer_mb": 0}, "greater than 0"),
        ({"enabled": True, "bufer_mb": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(sparkplug: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**sparkplug)


def test_a_group_of_agents_needs_the_plain_topics() -> None:
    with pytest.raises(ValidationError, match="agents of a group read the predictions"):
        Settings.model_validate(
            MUST | {"share": {"group": "g"}, "sparkplug": {"enabled": True, "plain": False}}
        )

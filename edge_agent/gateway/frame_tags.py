"""Tags whose values are sent in frames, and their state in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edge_agent.gateway.channels import Channel
from edge_agent.links.tag_source import Value


class FrameTag:
    """A tag with its channels, its last value, and when that was said."""

    __slots__ = ("bad", "channels", "confirmed", "fault", "name", "said_us", "ts_us", "value")

    def __init__(self, name: str) -> None:
        self.name = name
        self.channels: list[Channel] = []
        self.ts_us = 0
        self.value: Value | None = None
        self.fault = ""
        self.said_us = 0
        self.confirmed = False
        """A sample has come since the link is there."""
        self.bad: dict[str, list[Any]] = {}
        """Channels that its values cannot be, by name: the reason, and when that was said."""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to say of it but time and value."""
        return self.confirmed and not self.fault and not self.bad

    def is_news(self, channel: Channel, found: dict[str, str], now_us: int, repeat_us: int) -> bool:
        """Whether it is to be said that a channel is left out: once, and again after so long.

        Args:
            channel: of the tag.
            found: reason and words.
            now_us: our time.
            repeat_us: when it is said again; 0 for never.
        """
        known = self.bad.get(channel.name)
        if known is not None and known[0] == found["reason"]:
            is_due = repeat_us and now_us - known[1] >= repeat_us
            if not is_due:
                return False
        self.bad[channel.name] = [found["reason"], now_us]
        return True


def state_of(tags: Iterable[FrameTag], newest_us: int) -> dict[str, Any]:
    """State of tags as JSON, in columns: it is written with every batch, so it is short.

    Args:
        tags: those of a source.
        newest_us: newest time of the source, from which theirs are counted.
    """
    heard = [tag for tag in tags if tag.ts_us or tag.fault]
    return {
        "names": ",".join([tag.name for tag in heard]),
        "ago_us": [newest_us - tag.ts_us for tag in heard],
        "said_ago_us": [newest_us - tag.said_us for tag in heard],
        "values": [tag.value for tag in heard],
        "odd": {
            tag.name: [
                tag.fault, tag.confirmed, {name: list(bad) for name, bad in tag.bad.items()},
            ]
            for tag in heard
            if not tag.is_plain
        },
    }  # fmt: skip


def go_on(tags: Mapping[str, FrameTag], state: Mapping[str, Any], newest_us: int) -> None:
    """Let tags go on from a state; those that there are no more are left out.

    Args:
        tags: by name.
        state: of ``state_of``.
        newest_us: newest time of the source then.
    """
    names = state.get("names", "").split(",")
    columns = (state.get(name, []) for name in ("ago_us", "said_ago_us", "values"))
    odd = state.get("odd", {})
    for name, ago_us, said_ago_us, value in zip(names, *columns, strict=False):
        tag = tags.get(name)
        if tag is None:
            continue
        tag.ts_us, tag.said_us = newest_us - ago_us, newest_us - said_ago_us
        tag.value, tag.confirmed = value, True
        if name in odd:
            tag.fault, tag.confirmed, bad = odd[name]
            tag.bad = {channel: list(kept) for channel, kept in bad.items()}

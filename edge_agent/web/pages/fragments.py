"""Parts of live pages as HTML, rendered once for all who read the same language."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.web.live.lamps import lamps_of
from edge_agent.web.live.state import LAMPS, MoldKey
from edge_agent.web.pages.this_shot import alerts_of, charts_of
from edge_agent.web.pages.tiles import tile_of

if TYPE_CHECKING:
    from edge_agent.web.parts import Web


class PartOfMold(NamedTuple):
    """A part of a mold's page; it changes with the mold."""

    name: str
    mold: MoldKey

    def __str__(self) -> str:
        return self.name


class Fragments:
    """HTML by language and key, kept until its key changes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Hashable], tuple[int, str]] = {}

    def html(self, web: Web, language: str, key: Hashable) -> str | None:
        """The fragment of a key of the feed; None for one that pages do not show."""
        number = web.feed.number_of(key[1] if isinstance(key, PartOfMold) else key)
        kept = self._kept.get((language, key))
        if kept is not None and kept[0] == number:
            return kept[1]
        text = self._render(web, language, key)
        if text is not None:
            self._kept[language, key] = number, text
        return text

    def _render(self, web: Web, language: str, key: Hashable) -> str | None:
        if key == LAMPS:
            lamps = lamps_of(web.live)
            away = web.live.broker is not None
            return web.renderer.text(language, "lamps.html", lamps=lamps, broker_away=away)
        if isinstance(key, MoldKey) and key in web.live.molds:
            tile = tile_of(web.live, key, web.renderer.words[language], web.clock.now())
            return web.renderer.text(language, "one_tile.html", one=tile)
        if isinstance(key, PartOfMold) and key.mold in web.live.molds:
            return self._part(web, language, key)
        return None

    def _part(self, web: Web, language: str, part: PartOfMold) -> str:
        if part.name == "advice":
            advice = web.live.molds[part.mold].advice
            return web.renderer.text(language, "mold_advice.html", advice=advice, key=part.mold)
        if part.name == "alerts":
            alerts = alerts_of(web.live, part.mold)
            return web.renderer.text(language, "mold_alerts.html", alerts=alerts)
        prediction, charts = web.live.molds[part.mold].prediction, charts_of(web.live, part.mold)
        return web.renderer.text(language, "curves.html", charts=charts, prediction=prediction)

"""HTML from templates: one Jinja environment a language, times in the plant's zone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.web.pages.facts import Facts
from edge_agent.web.pages.words import LANGUAGES, translations

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
COOKIE = "language"


def _hash_of_assets() -> str:
    digest = hashlib.sha256()
    for path in sorted((*STATIC.iterdir(), *TEMPLATES.iterdir())):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


ASSETS = _hash_of_assets()
"""Tells versions of scripts, styles and templates apart: an open page of another one loads anew."""


@dataclass(frozen=True)
class Words:
    """Words, numbers and times in one language."""

    language: str
    catalogue: NullTranslations
    facts: Facts
    zone: ZoneInfo

    def say(self, words: str) -> str:
        """Words of the catalogue."""
        return self.catalogue.gettext(words)

    def at(self, moment: datetime | None, form: str = "%H:%M:%S") -> str:
        """A time in the plant's zone; empty for None."""
        return "" if moment is None else moment.astimezone(self.zone).strftime(form)


class Renderer:
    """Renders templates in every language."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Read the catalogues."""
        self._default = settings.web.language
        self._clock = clock
        self.words = {
            language: Words(
                language,
                translations(language),
                Facts(language, translations(language)),
                ZoneInfo(settings.web.time_zone),
            )
            for language in LANGUAGES
        }
        self._environments = {
            language: self._environment(words) for language, words in self.words.items()
        }

    def language_of(self, request: Request) -> str:
        """The language that the reader chose, else the plant's."""
        for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
            if wanted in LANGUAGES:
                return str(wanted)
        return self._default

    def page(
        self, request: Request, template: str, *, status: int = 200, **content: Any
    ) -> HTMLResponse:
        """A whole page; a language that is asked for by ``?lang=`` is kept in a cookie."""
        language = self.language_of(request)
        text = self.text(language, template, request=request, **content)
        response = HTMLResponse(text, status)
        if request.query_params.get("lang") == language:
            response.set_cookie(COOKIE, language, max_age=31_536_000, samesite="lax")
        return response

    def add(self, **names: Any) -> None:
        """Give every template something by name."""
        for environment in self._environments.values():
            environment.globals |= names

    def text(self, language: str, template: str, **content: Any) -> str:
        """Part of a page."""
        return self._environments[language].get_template(template).render(**content)

    def _environment(self, words: Words) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
        )
        environment.install_gettext_translations(words.catalogue, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {
            "language": words.language,
            "languages": LANGUAGES,
            "words": words,
            "assets": ASSETS,
            "asset": lambda name: f"/static/{name}?v={ASSETS}",
            "now": self._clock.now,
        }
        environment.filters |= {
            "at": words.at,
            "epoch": _epoch,
            "number": words.facts.number,
            "short": words.facts.short,
        }
        return environment


def _epoch(moment: datetime | None) -> str:
    """Seconds since 1970 for the page's script; empty for None."""
    return "" if moment is None else f"{moment.timestamp():.3f}"

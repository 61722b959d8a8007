"""Every word of the pages is there in every language."""

from __future__ import annotations

import re

import pytest

from edge_agent.web.pages import words
from edge_agent.web.pages.words import LANGUAGES, SOURCE, is_said, read_catalogue, sources

OTHERS = [language for language in LANGUAGES if language != SOURCE]
PLACES = re.compile(r"%\((\w+)\)s|%%")


@pytest.mark.parametrize("language", OTHERS)
def test_no_word_is_missing_and_none_is_left_over(language: str) -> None:
    catalogue, wanted = read_catalogue(language), {m.id for m in sources() if m.id}
    there = {message.id for message in catalogue if message.id}
    way_out = f"run python -m edge_agent.web.pages.words, then fill locale/{language}"
    assert there == wanted, way_out
    missing = [message.id for message in catalogue if message.id and not is_said(message)]
    assert missing == [], way_out


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_same_places_for_values(language: str) -> None:
    for message in read_catalogue(language):
        ids = message.id if isinstance(message.id, tuple | list) else [message.id]
        texts = message.string if isinstance(message.string, tuple | list) else [message.string]
        for text in texts:
            assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(ids[-1])), message.id


def test_a_missing_word_would_be_found() -> None:
    catalogue = read_catalogue("pl")
    catalogue.add("a text that nobody translated")
    missing = [message.id for message in catalogue if message.id and not is_said(message)]
    assert missing == ["a text that nobody translated"]


def test_the_sources_are_read() -> None:
    said = {message.id for message in words.sources()}
    assert {"CURING", "Agent offline since %(time)s", "the foam is still too soft"} <= said

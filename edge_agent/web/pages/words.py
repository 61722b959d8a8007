"""Catalogues of words: English in the sources, Polish and German in ``locale/``.

The catalogues are read as they are, so that nothing has to be compiled.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from edge_agent.web.pages import facts, form_words

LANGUAGES = {"en": "English", "pl": "Polski", "de": "Deutsch"}
LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"
"""The language of the sources: it needs no catalogue."""


def catalogue_path(language: str) -> Path:
    """File of a language's words."""
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def sources() -> Catalog:
    """Every text that is said: those of templates, of scripts in Python, and of the facts."""
    found = Catalog()
    jinja = [("**.html", "jinja2"), ("**.py", "python")]
    options = {"**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
    keywords = {"_": None, "ngettext": (1, 2), "say": None}
    for name, _line, text, _comments, _context in extract_from_dir(
        Path(__file__).parent, jinja, options, keywords
    ):
        found.add(text, locations=[(name, 0)])
    for text in (*facts.all_words(), *form_words.all_words()):
        found.add(text)
    return found


def read_catalogue(language: str) -> Catalog:
    """The catalogue of a language."""
    with catalogue_path(language).open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> list[str]:
    """Bring a catalogue in step with the sources; the texts that wait for their words."""
    catalogue = read_catalogue(language)
    catalogue.update(sources(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    with catalogue_path(language).open("wb") as file:
        write(file, catalogue)
    return [str(message.id) for message in catalogue if message.id and not is_said(message)]


def write(file: BinaryIO, catalogue: Catalog) -> None:
    """Write a catalogue: sorted, without header and places, so that little changes in it."""
    form = {"sort_output": True, "no_location": True, "omit_header": True, "ignore_obsolete": True}
    write_po(file, catalogue, width=100, **form)


def is_said(message: Message) -> bool:
    """True if a text of a catalogue has its words in every form."""
    words = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(words) and all(words) and not message.fuzzy


@lru_cache
def translations(language: str) -> NullTranslations:
    """Words of a language."""
    if language == SOURCE:
        return NullTranslations()
    catalogue = read_catalogue(language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


if __name__ == "__main__":
    for name in LANGUAGES:
        if name != SOURCE:
            for waits in update(name):
                print(f"{name}: {waits}")

"""Catalogues of words: English in the sources, Polish and German in ``locale/``.

The catalogues are read as they are, so that nothing has to be compiled.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = {"en": "English", "pl": "Polski", "de": "Deutsch"}
LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"
"""The language of the sources: it needs no catalogue."""


def catalogue_path(language: str) -> Path:
    """File of a language's words."""
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


@lru_cache
def translations(language: str) -> NullTranslations:
    """Words of a language."""
    if language == SOURCE:
        return NullTranslations()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)

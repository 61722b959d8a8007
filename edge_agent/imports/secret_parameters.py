"""Secrets in the question of an address, by the names of its parameters."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

_SECRETS = frozenset(
    "auth authorization bearer credential credentials jwt pass passphrase passwort pwd sig "
    "signature".split()
)
_ENDS = ("accesskey", "apikey", "passwd", "password", "secret", "token")
"""Of words that are secrets, also where they are written together: ``clientsecret``."""
_OF_KEYS = frozenset({"access", "api", "private", "subscription"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def is_secret(name: str) -> bool:
    """Whether a parameter is a secret, by its name: ``api_key``, ``accessToken``, ``key``."""
    words = [word.casefold() for word in _WORDS.findall(name)]
    if "key" in words and (len(words) == 1 or not _OF_KEYS.isdisjoint(words)):
        return True
    return not _SECRETS.isdisjoint(words) or any(word.endswith(_ENDS) for word in words)


def secret_in(query: str) -> str | None:
    """Name of the first parameter of a question that is a secret; None where none is."""
    names = (name for name, _ in parse_qsl(query, keep_blank_values=True))
    return next(filter(is_secret, names), None)

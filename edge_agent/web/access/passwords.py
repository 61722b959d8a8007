"""Passwords: what may be one, and how it is kept (argon2id)."""

from __future__ import annotations

import unicodedata
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from twin_core.errors import InputError

CHARACTERS_MIN, CHARACTERS_MAX = 10, 256
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's lowest: 19 MiB and some ten milliseconds; a small machine serves pages beside it."""
_ONE_AT_A_TIME = Lock()
"""Who tries passwords by the hundred must not fill the memory."""
_NOBODYS = _HASHER.hash("nobody has this password")


def hash_password(password: str, user: str) -> str:
    """The hash to keep.

    Args:
        password: in clear.
        user: whose it is.

    Raises:
        InputError: it is too short or too long, or the user's name.
    """
    text = _normal(password)
    if not CHARACTERS_MIN <= len(text) <= CHARACTERS_MAX:
        raise InputError(
            f"password: has {len(text)} characters: {CHARACTERS_MIN} to {CHARACTERS_MAX} are "
            "asked for; four words that do not belong together are a good one"
        )
    if text.casefold().strip() == user.casefold() or len(set(text)) < 4:
        raise InputError("password: can be guessed: choose one that is not the name, nor one sign")
    with _ONE_AT_A_TIME:
        return _HASHER.hash(text)


def is_password(password: str, kept: str | None) -> bool:
    """True if a password is the one that was kept.

    Args:
        password: as it was given.
        kept: the hash; None where there is no such user: it takes as long.
    """
    text = _normal(password[: 4 * CHARACTERS_MAX])
    with _ONE_AT_A_TIME:
        try:
            matches = _HASHER.verify(kept or _NOBODYS, text)
        except (VerificationError, InvalidHashError):
            return False
    return matches and kept is not None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)

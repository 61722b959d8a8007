"""Passwords of Mosquitto's password file, in its own format (`$7$`, PBKDF2 with SHA-512).

Also the secret of a group of agents, which is no password: the broker does not know it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

ITERATIONS = 1_000
"""Enough for passwords of 192 random bits; Mosquitto computes it on its only thread."""

_SALT_BYTES = 12  # Mosquitto 2.0 accepts no other length
_HASH_BYTES = 64


def new_password() -> str:
    """A random password that can be typed and put into a URL."""
    return secrets.token_urlsafe(24)


def new_session_secret() -> str:
    """A random secret from which the agents of a group make client ids that nobody can guess."""
    return secrets.token_urlsafe(32)


def password_line(user: str, password: str) -> str:
    """The line of `user` in a password file; every call salts anew."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, _HASH_BYTES)
    parts = [base64.b64encode(part).decode("ascii") for part in (salt, digest)]
    return f"{user}:$7${ITERATIONS}${parts[0]}${parts[1]}"

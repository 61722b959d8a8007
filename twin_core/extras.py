"""Words on how an extra of the distribution is installed; every hint takes them from here."""

from __future__ import annotations

PAGE = "README.md, Installing"


def how_to_install(extra: str) -> str:
    """The commands that install an extra, from a clone and from a wheel.

    Args:
        extra: its name in pyproject.toml, such as ``timescale``.
    """
    return (
        f"in a clone: pip install '.[{extra}]'; "
        f"from a wheel: pip install 'FILE.whl[{extra}]' ({PAGE})"
    )

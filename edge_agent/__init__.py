"""The agent beside the press: it moves shots and keeps them; ``twin_core`` computes.

One shot goes through the stages of ``edge_agent.stages``; ``edge_agent.app`` composes them.
"""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """``__version__``, looked up when it is asked for: it takes a tenth of the time of --help."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("pur-mold-twin")
    except PackageNotFoundError:  # sources on the path without an installation
        return "0+uninstalled"

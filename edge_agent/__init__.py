"""The agent beside the press: it moves shots and keeps them; ``twin_core`` computes.

One shot goes through the stages of ``edge_agent.pipeline``; ``edge_agent.agent`` composes them.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pur-mold-twin")
except PackageNotFoundError:  # sources on the path without an installation
    __version__ = "0+uninstalled"

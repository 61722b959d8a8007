"""``python -m edge_agent`` is ``pur-mold-twin``."""

from edge_agent.cli import main

main()

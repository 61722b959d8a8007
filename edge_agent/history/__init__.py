"""The history: one interface (``edge_agent.ports.HistoryStore``), one module per store."""

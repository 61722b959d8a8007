"""Learning from a history: feature sets, models, drift."""

"""Learning from shots: features, models that correct the physics, drift."""

"""What the twin learns from its shots: features, models that correct the physics, drift."""

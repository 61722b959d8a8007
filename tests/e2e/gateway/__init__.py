"""A simulated PLC that has nothing but tags, and all that can break between it and the history."""

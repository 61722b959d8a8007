"""Gateway: presses that do not speak the twin's contract come in through it."""

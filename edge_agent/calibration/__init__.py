"""Calibration of a material system, as a command runs and reports it."""

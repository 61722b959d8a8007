"""Brokers on this machine, for the demo and for tests."""

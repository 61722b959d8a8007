"""Simulated machines of tests, one a protocol, on real servers: none of them is a press."""

"""Metrics, health and the watchdog of an agent."""

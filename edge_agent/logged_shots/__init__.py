"""Shots that were logged: read from bundles and histories, and replayed."""

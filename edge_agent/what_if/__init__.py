"""Simulations for pages and REST, in a process of their own: the server imports no model."""
